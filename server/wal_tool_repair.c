// poro-wal repair: what can be saved of a folder, into a new one.
#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_salvage.h"
#include "server/wal_tool_survey.h"
#include "server/wal_tool_target.h"
#include "server/wal_tool_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// --- the log up to E -------------------------------------------------------------------------

struct replay {
    struct target *target;
    uint64_t end; // E
    struct wal_recovery_result result;
};

// Records are handed out before their batch is counted in result.end. Those beyond E are of a batch
// that turns out to be of no use.
static int replay_apply(void *context, const struct wal_record *record)
{
    struct replay *replay = context;
    if (replay->result.end >= replay->end)
        return 0;
    if (record->key_length > target_key_bytes_max(replay->target))
        return -EBADMSG;
    return target_append(replay->target, record);
}

static int replay_run(const struct survey *survey, struct target *target)
{
    struct replay replay = {.target = target, .end = survey->result.end};
    int result = folder_replay(survey->folder, replay_apply, &replay, &replay.result);
    if (result < 0)
        return result;
    if (replay.result.end != replay.end) {
        target->step = "the log reads differently at every look";
        return -EIO;
    }
    return 0;
}

// --- the report ------------------------------------------------------------------------------

#define RANGES_PRINTED 20

static void print_missing(void *context, uint64_t first, uint64_t last, uint32_t slot,
                          uint64_t offset)
{
    uint32_t *printed = context;
    char file[TEXT_SIZE_BYTES];
    if (++*printed > RANGES_PRINTED)
        return;
    printf("             sequences %llu to %llu (%llu): nothing whole is left of them",
           (unsigned long long)first, (unsigned long long)last,
           (unsigned long long)last - first + 1);
    if (slot < WAL_SEGMENTS_MAX)
        printf(" (from %s byte %llu on)", text_file(file, slot), (unsigned long long)offset);
    putchar('\n');
}

static void print_beyond(const struct survey *survey)
{
    const struct beyond *beyond = &survey->beyond;
    char size[TEXT_SIZE_BYTES];
    if (beyond->frames == 0)
        return;
    printf("             sequences %llu to %llu: %llu whole frames beyond the break, %s, %llu "
           "records%s\n",
           (unsigned long long)beyond->runs[0].first,
           (unsigned long long)beyond->runs[beyond->count - 1].last,
           (unsigned long long)beyond->frames, text_size(size, beyond->bytes),
           (unsigned long long)beyond->records,
           wal_verdict_refuses(survey->result.verdict) ? " (--salvage takes what it can of them)"
                                                       : ", never acknowledged as durable");
    printf("keys         that these name: ");
    key_list_print(&survey->beyond_keys);
}

static void print_given_up(const struct survey *survey, bool salvaged)
{
    if (survey->missing == 0 && (salvaged || survey->beyond.frames == 0)) {
        printf("given up     no sequence that is known of%s\n",
               survey->result.verdict == WAL_VERDICT_UNDECIDABLE
                   ? "; whether anything followed cannot be told"
                   : "");
        return;
    }
    printf("given up     everything after sequence %llu%s:\n",
           (unsigned long long)survey->result.end, salvaged ? " that was not salvaged" : "");
    uint32_t printed = 0;
    survey_each_missing(survey, print_missing, &printed);
    if (printed > RANGES_PRINTED)
        printf("             and %u more ranges\n", printed - RANGES_PRINTED);
    if (!salvaged)
        print_beyond(survey);
    if (survey->damaged_keys.set.count > 0) {
        printf("keys         that damaged frames seem to name (unproven): ");
        key_list_print(&survey->damaged_keys);
    }
}

static void print_checkpoint_lost(const struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    char size[TEXT_SIZE_BYTES];
    if (result->checkpoint_lost_bytes == 0)
        return;
    printf("given up     %s of the checkpoint, %llu records: keys that were there, unless they "
           "were set "
           "again at sequence %llu or later\n",
           text_size(size, result->checkpoint_lost_bytes),
           (unsigned long long)result->checkpoint_lost_records,
           (unsigned long long)result->checkpoint_first);
}

static void print_made(const struct target *target)
{
    printf("made         %s: identity %08x, %llu records in %u segments, synced, read back and "
           "compared\n",
           target->path, folder_fingerprint(&target->identity), (unsigned long long)target->records,
           target->segments);
}

// --- the command -----------------------------------------------------------------------------

// Into the folder itself nothing is written.
static bool target_inside(const struct folder *folder, const char *path)
{
    char parent[4096];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length + 4 > sizeof(parent))
        return false; // too long to be made
    memcpy(parent, path, length);
    while (length > 0 && parent[length - 1] != '/')
        length--;
    parent[length] = 0;
    struct stat source;
    struct stat target;
    if (fstat(folder->directory, &source) < 0 || stat(length > 0 ? parent : ".", &target) < 0)
        return false;
    return source.st_dev == target.st_dev && source.st_ino == target.st_ino;
}

static int repair_write(const struct survey *survey, const struct tool_options *options,
                        struct target *target)
{
    int result = target_create(target, options->target, survey->folder->identity.segment_bytes);
    if (result == 0)
        result = replay_run(survey, target);
    uint64_t replayed = target->records;
    struct salvage salvage;
    if (options->salvage)
        salvage_create(&salvage, survey, target, options);
    if (result == 0 && options->salvage)
        result = salvage_run(&salvage);
    if (result == 0)
        result = target_finish(target);
    if (result == 0) {
        print_made(target);
        printf("kept         everything up to sequence %llu: %llu records\n",
               (unsigned long long)survey->result.end, (unsigned long long)replayed);
        if (options->salvage)
            salvage_print(&salvage);
        print_checkpoint_lost(survey);
        print_given_up(survey, options->salvage);
    }
    if (options->salvage)
        salvage_destroy(&salvage);
    return result;
}

static int repair_survey(const struct survey *survey, const struct tool_options *options)
{
    survey_print_folder(survey);
    survey_print_verdict(survey);
    fflush(stdout);
    struct target target;
    int result = repair_write(survey, options, &target);
    if (result < 0) {
        fprintf(stderr, "poro-wal: %s: %s: %s\n", options->target,
                target.step != NULL ? target.step : "cannot be written", strerror(-result));
        target_undo(&target);
    }
    target_destroy(&target);
    return result < 0 ? EXIT_START : EXIT_CLEAN;
}

int tool_repair(const struct tool_options *options)
{
    assert(options->target != NULL);
    struct folder folder;
    int code = folder_open(&folder, options->folder, false);
    if (code == 0 && target_inside(&folder, options->target)) {
        fprintf(stderr, "poro-wal: %s lies inside the folder to be repaired\n", options->target);
        code = EXIT_USAGE;
    }
    if (code == 0) {
        struct survey survey;
        code = survey_create(&survey, &folder, options->names);
        if (code == 0)
            code = repair_survey(&survey, options);
        survey_destroy(&survey);
    }
    folder_close(&folder);
    return code;
}
