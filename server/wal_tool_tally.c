// What an import leaves out: counted by kind, the first ones named.
#include "server/wal_tool_tally.h"

#include "server/wal_tool.h"
#include "server/wal_tool_text.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void tallies_create(struct tallies *tallies, uint32_t most)
{
    *tallies = (struct tallies){.most = most};
}

void tallies_destroy(struct tallies *tallies)
{
    for (uint32_t i = 0; i < tallies->kinds; i++)
        tool_memory_free(tallies->list[i].names);
    tallies->kinds = 0;
}

static struct tally *tally_of(struct tallies *tallies, const char *kind)
{
    for (uint32_t i = 0; i < tallies->kinds; i++) {
        if (strcmp(tallies->list[i].kind, kind) == 0)
            return &tallies->list[i];
    }
    assert(tallies->kinds < TALLY_KINDS_MAX);
    struct tally *tally = &tallies->list[tallies->kinds++];
    *tally = (struct tally){
        .kind = kind,
        .names = tool_memory(((size_t)tallies->most + 1) * sizeof(tally->names[0])),
    };
    return tally;
}

void tallies_add(struct tallies *tallies, const char *kind, int64_t database, const uint8_t *name,
                 uint64_t length)
{
    struct tally *tally = tally_of(tallies, kind);
    tallies->count++;
    if (tally->count++ >= tallies->most)
        return;
    struct key_name *kept = &tally->names[tally->count - 1];
    kept->database = database > INT_MAX ? INT_MAX : (int)database;
    kept->length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    memcpy(kept->bytes, name, length < TEXT_NAME_BYTES ? (size_t)length : TEXT_NAME_BYTES);
}

static void print_name(const struct key_name *name)
{
    size_t kept = name->length < TEXT_NAME_BYTES ? name->length : TEXT_NAME_BYTES;
    printf("    ");
    if (name->database >= 0)
        printf("db%d ", name->database);
    text_print_bytes(name->bytes, kept, 0);
    if (kept < name->length)
        printf("... (%u bytes)", name->length);
    putchar('\n');
}

void tallies_print(const struct tallies *tallies, const char *label)
{
    for (uint32_t i = 0; i < tallies->kinds; i++) {
        const struct tally *tally = &tallies->list[i];
        printf("%-12s %s: %llu%s\n", label, tally->kind, (unsigned long long)tally->count,
               tally->count > tallies->most ? ", the first of them:" : "");
        for (uint64_t n = 0; n < tally->count && n < tallies->most; n++)
            print_name(&tally->names[n]);
    }
}
