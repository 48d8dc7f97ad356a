// poro-wal import: the report.
#include "server/wal_tool_folder.h"
#include "server/wal_tool_import.h"
#include "server/wal_tool_text.h"

#include <stdio.h>
#include <string.h>

// What a key's place in the table takes, about: it grows in steps.
#define TABLE_BYTES_PER_KEY 12

static void print_file(const struct import *import)
{
    char size[TEXT_SIZE_BYTES];
    printf("file         %s: %s, version %u of %s's format", import->options->rdb,
           text_size(size, import->bytes), import->reader->version,
           import->reader->valkey ? "Valkey" : "Redis");
    if (import->made_by[0] != 0) {
        printf(", written by ");
        text_print_bytes((const uint8_t *)import->made_by, strlen(import->made_by), 0);
    }
    printf("; %s\n", import->checksum ? "its checksum is right" : "it has no checksum");
}

static void print_keys(const struct import *import)
{
    uint32_t databases = 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        databases += import->in_database[i] > 0;
    printf("imported     %llu keys in %u databases", (unsigned long long)import->keys, databases);
    if (import->keys > 0) {
        const char *before = " (";
        for (uint32_t i = 0; i < DATABASES_MAX; i++) {
            if (import->in_database[i] == 0)
                continue;
            printf("%sdb%u: %llu", before, i, (unsigned long long)import->in_database[i]);
            before = ", ";
        }
        putchar(')');
    }
    printf(", %llu of them with an expiry\n", (unsigned long long)import->keys_volatile);
    if (import->expired > 0)
        printf("expired      %llu keys had expired by now and were left out\n",
               (unsigned long long)import->expired);
}

void import_print(const struct import *import)
{
    char size[TEXT_SIZE_BYTES];
    const struct target *target = &import->target;
    print_file(import);
    print_keys(import);
    tallies_print(&import->left, "left out");
    printf("made         %s: identity %08x, %llu records in %u segments, synced, read back and "
           "compared\n",
           target->path, folder_fingerprint(&target->identity), (unsigned long long)target->records,
           target->segments);
    printf("memory       the keys take about %s of a server's maxmemory\n",
           text_size(size, import->memory + import->keys * TABLE_BYTES_PER_KEY));
    if (import->left.count > 0) {
        fflush(stdout);
        fprintf(stderr,
                "poro-wal: %llu keys or other things in %s are not strings and were left out "
                "(see above; --strict refuses such a file)\n",
                (unsigned long long)import->left.count, import->options->rdb);
    }
}

void import_print_refused(const struct import *import)
{
    print_file(import);
    tallies_print(&import->refused, "refused");
    tallies_print(&import->left, "left out");
    fflush(stdout);
    fprintf(stderr,
            "poro-wal: %s holds %llu keys or other things that Poro cannot take (see above). "
            "Nothing was imported.\n",
            import->options->rdb, (unsigned long long)import->refused.count);
}
