// Damage at rest: what the simulator expects of recovery, compared with what recovery says.
//
// SIM_LOGS=n and SIM_FIRST=seed in the environment make more of it.
#include "sim/disk_damage.h"

#include "sim/fault_model.h"
#include "tests/unit/sim_log.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define CLASSES (FAULT_BEYOND + 1)

struct outcome {
    uint64_t draws;
    uint64_t none; // nothing to hit
    uint64_t classes[CLASSES];
    uint64_t refused[CLASSES];
    uint64_t named; // refusals whose file is known
};

static uint64_t test_number(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value != NULL ? strtoull(value, NULL, 10) : otherwise;
}

static void test_life(struct log *log, bool whole)
{
    enum wal_verdict verdict = log_recover(log);
    cr_assert(!wal_verdict_refuses(verdict), "an ordinary crash is refused: %s",
              log->result.message);
    log_live(log, whole);
}

static bool test_file_exists(struct log *log, const char *name)
{
    int file = log_open(log, name, IO_OPEN_READ);
    if (file >= 0)
        disk_close(log->disk, file);
    return file >= 0;
}

static bool test_holds_data(struct log *log, uint32_t slot, uint64_t offset)
{
    int64_t got = log_read(log, slot, offset, log->buffer, WAL_BLOCK_BYTES);
    return got == (int64_t)WAL_BLOCK_BYTES && !wal_block_is_zero(log->buffer);
}

// What the server does before it recovers: without `instance`, only a folder where nothing was ever
// written is taken for a new one. True when there is something to recover.
static bool test_instance(struct log *log, bool *refused)
{
    struct damage_survey survey;
    damage_survey(log->disk, &survey);
    *refused = false;
    if (survey.has_instance)
        return true;
    if (test_file_exists(log, WAL_NAME_INSTANCE))
        *refused = true;
    uint32_t slots = log_slots(log);
    for (uint32_t slot = 0; slot < slots; slot++)
        *refused = *refused || test_holds_data(log, slot, 0);
    for (uint64_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        bool data = test_holds_data(log, WAL_SLOT_COMPLETION, i * WAL_BLOCK_BYTES);
        *refused = *refused || (i != WAL_COMPLETION_INITIAL && data);
    }
    return false;
}

// A start over the damaged files, compared with what was expected. Returns whether it refuses.
static bool test_verdict(struct log *log, const struct damage *damage, uint64_t end, uint64_t seed)
{
    char message[640] = WAL_NAME_INSTANCE;
    bool refused;
    log->result.end = 0;
    if (test_instance(log, &refused)) {
        refused = wal_verdict_refuses(log_recover(log));
        snprintf(message, sizeof(message), "%s", log->result.message);
    }
    bool right = true;
    uint64_t found = log->result.end;
    if (damage->expected == FAULT_SURVIVE)
        right = !refused && found == end;
    else if (damage->expected == FAULT_REFUSE)
        right = refused && strstr(message, damage->file) != NULL;
    else
        right = refused || (found >= damage->witnessed_after && found <= end);
    cr_assert(right, "seed %llu, %s (%s): expected %s %s, E was %llu, D is %llu: %s to %llu: %s",
              (unsigned long long)seed, fault_row(damage->kind)->name, damage->what,
              fault_class_name(damage->expected), damage->file, (unsigned long long)end,
              (unsigned long long)damage->witnessed_after, refused ? "refused" : "served",
              (unsigned long long)found, message);
    return refused;
}

// One draw of one kind. False when it was refused, or there was nothing to hit: the disk is as it was.
static bool test_draw(struct log *log, enum fault kind, struct random *random, uint64_t seed,
                      const struct damage_backup *older, struct outcome *outcome)
{
    struct damage_survey before;
    damage_survey(log->disk, &before);
    struct damage_backup *backup = damage_backup(log->disk);
    struct damage damage;
    outcome->draws++;
    bool hit = damage_apply(log->disk, kind, random, older, &damage);
    bool refused = false;
    if (hit) {
        refused = test_verdict(log, &damage, before.chain_end, seed);
        outcome->classes[damage.expected]++;
        outcome->refused[damage.expected] += refused;
        outcome->named += damage.expected == FAULT_REFUSE && damage.file[0] != '\0';
    } else {
        outcome->none++;
    }
    bool stays = hit && !refused && test_file_exists(log, WAL_NAME_INSTANCE);
    if (!stays)
        damage_restore(log->disk, backup);
    damage_backup_free(log->disk, backup);
    return stays;
}

static void test_show(const struct outcome *outcomes)
{
    for (uint32_t kind = FAULT_AT_REST_FIRST; kind < FAULT_COUNT; kind++) {
        const struct outcome *o = &outcomes[kind];
        fprintf(stderr, "%-20s %7llu draws, %6llu without target",
                fault_row((enum fault)kind)->name, (unsigned long long)o->draws,
                (unsigned long long)o->none);
        for (uint32_t i = 0; i < CLASSES; i++)
            fprintf(stderr, "; %s %llu", fault_class_name((enum fault_class)i),
                    (unsigned long long)o->classes[i]);
        fprintf(stderr, "; refused %llu+%llu+%llu+%llu, file known %llu\n",
                (unsigned long long)o->refused[0], (unsigned long long)o->refused[1],
                (unsigned long long)o->refused[2], (unsigned long long)o->refused[3],
                (unsigned long long)o->named);
    }
}

static void test_survey(struct log *log)
{
    struct damage_survey survey;
    struct damage_backup *backup = damage_backup(log->disk);
    damage_survey(log->disk, &survey);
    cr_assert(!wal_verdict_refuses(log_recover(log)), "%s", log->result.message);
    cr_assert_eq(survey.witnessed, log->result.durable);
    cr_assert_eq(survey.chain_end, log->result.end);
    cr_assert(survey.has_instance);
    damage_restore(log->disk, backup);
    damage_backup_free(log->disk, backup);
}

// Every kind of damage, each on the same files.
Test(sim_damage, expectation_and_recovery_agree)
{
    static struct outcome outcomes[FAULT_COUNT];
    uint64_t first = test_number("SIM_FIRST", 0);
    uint64_t logs = test_number("SIM_LOGS", 60);
    for (uint64_t seed = first; seed < first + logs; seed++) {
        struct log log;
        log_create(&log, seed);
        uint64_t lives = 1 + log_below(&log, 5);
        uint64_t remembered = log_below(&log, lives);
        struct damage_backup *older = NULL;
        for (uint64_t life = 0; life < lives; life++) {
            test_life(&log, false);
            if (life == remembered)
                older = damage_backup(log.disk);
        }
        test_survey(&log);
        struct damage_backup *whole = damage_backup(log.disk);
        for (uint32_t kind = FAULT_AT_REST_FIRST; kind < FAULT_COUNT; kind++) {
            struct random random;
            random_init(&random, seed, fault_row((enum fault)kind)->name);
            for (int draw = 0; draw < 3; draw++) {
                if (test_draw(&log, (enum fault)kind, &random, seed, older, &outcomes[kind]))
                    damage_restore(log.disk, whole);
            }
        }
        damage_backup_free(log.disk, whole);
        damage_backup_free(log.disk, older);
        log_free(&log);
    }
    if (getenv("SIM_LOGS") != NULL)
        test_show(outcomes);
}

// Damage that was survived stays, and the log goes on over it, to be damaged again.
Test(sim_damage, damage_upon_damage)
{
    static struct outcome outcomes[FAULT_COUNT];
    uint64_t first = test_number("SIM_FIRST", 0);
    uint64_t logs = test_number("SIM_LOGS", 60);
    for (uint64_t seed = first; seed < first + logs; seed++) {
        struct log log;
        struct random random;
        struct damage_backup *older = NULL;
        random_init(&random, seed, "damage");
        log_create(&log, seed);
        bool damaged = false;
        for (int round = 0; round < 12; round++) {
            test_life(&log, damaged);
            if (older == NULL || random_below(&random, 4) == 0) {
                if (older != NULL)
                    damage_backup_free(log.disk, older);
                older = damage_backup(log.disk);
            }
            uint32_t kinds = FAULT_COUNT - FAULT_AT_REST_FIRST;
            enum fault kind =
                (enum fault)(FAULT_AT_REST_FIRST + (uint32_t)random_below(&random, kinds));
            // A block that cannot be read may be passed over today and be needed tomorrow.
            damaged = kind != FAULT_UNREADABLE &&
                      test_draw(&log, kind, &random, seed, older, &outcomes[kind]);
        }
        damage_backup_free(log.disk, older);
        log_free(&log);
    }
    if (getenv("SIM_LOGS") != NULL)
        test_show(outcomes);
}

// The same seed gives the same damage.
Test(sim_damage, is_deterministic)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct damage damage[2];
        bool done[2];
        for (int i = 0; i < 2; i++) {
            struct log log;
            struct random random;
            log_create(&log, seed);
            test_life(&log, false);
            test_life(&log, false);
            random_init(&random, seed, "damage");
            enum fault kind = (enum fault)(FAULT_AT_REST_FIRST + seed);
            memset(&damage[i], 0, sizeof(damage[i]));
            done[i] = damage_apply(log.disk, kind, &random, NULL, &damage[i]);
            log_free(&log);
        }
        cr_assert_eq(done[0], done[1]);
        cr_assert_str_eq(damage[0].what, damage[1].what);
        cr_assert_str_eq(damage[0].file, damage[1].file);
        cr_assert_eq(damage[0].expected, damage[1].expected);
        cr_assert_eq(damage[0].witnessed_after, damage[1].witnessed_after);
    }
}

Test(sim_damage, model_has_every_fault)
{
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        const struct fault_row *row = fault_row((enum fault)i);
        cr_assert(row->name[0] != '\0' && row->what[0] != '\0');
        for (uint32_t j = 0; j < i; j++)
            cr_assert_str_neq(row->name, fault_row((enum fault)j)->name);
    }
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    fault_model_print(to);
    fclose(to);
    cr_assert_not_null(strstr(text, fault_row(FAULT_FOREIGN_SEGMENT)->what));
    free(text);
}
