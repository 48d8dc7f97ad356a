// poro-wal check: what a server would say of this folder, and why.
#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_survey.h"
#include "server/wal_tool_text.h"

#include <assert.h>
#include <stdio.h>

#define RANGES_PRINTED 20

static const char *segment_use(const struct survey *survey, const struct segment *segment)
{
    switch (segment->kind) {
    case SEGMENT_WHOLE:
        break;
    case SEGMENT_MISPLACED:
        return "belongs to another file";
    case SEGMENT_ZERO:
        return segment->number > 0 ? "header lost (zeros), frames follow" : "never used";
    case SEGMENT_DAMAGED:
        return segment->number > 0 ? "header damaged, frames follow" : "header damaged, no frames";
    case SEGMENT_UNREADABLE:
        return "header cannot be read";
    }
    if (segments_superseded_from(&survey->segments, segment->number) <= segment->first)
        return "superseded";
    if (survey->result.end < segment->first)
        return survey->beyond.frames > 0 ? "beyond E" : "opened, no frames kept";
    return "holds data";
}

static void print_segment(const struct survey *survey, const struct segment *segment)
{
    char file[TEXT_SIZE_BYTES];
    char size[TEXT_SIZE_BYTES];
    printf("             %-14s ", text_file(file, segment->slot));
    if (segment->number > 0)
        printf("%8llu ", (unsigned long long)segment->number);
    else
        printf("%8s ", "-");
    if (segment->first > 0)
        printf("%14llu %14llu  ", (unsigned long long)segment->first,
               (unsigned long long)segment->durable);
    else
        printf("%14s %14s  ", "-", "-");
    uint64_t number;
    enum wal_slot_state state = wal_recovery_slot(survey->folder->recovery, segment->slot, &number);
    printf("%s%s", segment_use(survey, segment),
           segment->kind == SEGMENT_WHOLE && (state == WAL_SLOT_READY || state == WAL_SLOT_RELEASED)
               ? ", may be written again"
               : "");
    if (segment->kind == SEGMENT_MISPLACED)
        printf(" (%s)", text_file(file, segment->slot_meant));
    if (segment->bytes < survey->folder->identity.segment_bytes)
        printf(", TOO SHORT: %s", text_size(size, segment->bytes));
    putchar('\n');
}

static void print_segments(const struct survey *survey)
{
    printf("segments     %-14s %8s %14s %14s  %s\n", "file", "number", "first sequence", "D then",
           "state");
    uint32_t ready = 0;
    for (uint32_t i = 0; i < survey->segments.count; i++) {
        const struct segment *segment = &survey->segments.list[i];
        if (segment->kind == SEGMENT_ZERO && segment->number == 0 &&
            segment->bytes == survey->folder->identity.segment_bytes)
            ready++;
        else
            print_segment(survey, segment);
    }
    if (ready > 0)
        printf("             and %u that are ready, never used\n", ready);
    if (survey->segments.count == 0)
        printf("             (none)\n");
}

static void print_replay(const struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    char size[TEXT_SIZE_BYTES];
    bool refuses = !survey_starts(survey);
    printf("%s       everything up to sequence %llu: %llu records, %s\n",
           refuses ? "whole " : "replay", (unsigned long long)result->end,
           (unsigned long long)result->records, text_size(size, result->bytes));
    if (refuses || (result->dropped_bytes == 0 && survey->beyond.frames == 0))
        return;
    printf("dropped      %s after E, of them %llu whole frames; none of it was acknowledged as "
           "durable\n",
           text_size(size, result->dropped_bytes), (unsigned long long)result->dropped_frames);
}

// --- damage ----------------------------------------------------------------------------------

static void print_missing(void *context, uint64_t first, uint64_t last, uint32_t slot,
                          uint64_t offset)
{
    uint32_t *printed = context;
    char file[TEXT_SIZE_BYTES];
    if (++*printed > RANGES_PRINTED)
        return;
    printf("             %llu to %llu (%llu)", (unsigned long long)first, (unsigned long long)last,
           (unsigned long long)last - first + 1);
    if (slot < WAL_SEGMENTS_MAX)
        printf(", at %s byte %llu", text_file(file, slot), (unsigned long long)offset);
    putchar('\n');
}

// A hole in the numbers where the chain ends is the trace of a segment that is gone. Elsewhere it
// says nothing: numbers vanish when files are used again.
static void print_hole(const struct survey *survey)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < survey->segments.count; i++) {
        const struct segment *segment = &survey->segments.list[i];
        if (segment->number == 0)
            return;
        if (segment->first == 0 || segment->first > survey->result.end + 1) {
            if (segment->number > before + 1)
                printf("hole         no file has segment number %llu%s\n",
                       (unsigned long long)before + 1,
                       segment->number > before + 2 ? " (and more)" : "");
            return;
        }
        before = segment->number;
    }
}

static void print_damage(const struct survey *survey)
{
    const struct wal_recovery_result *result = &survey->result;
    char text[TEXT_SIZE_BYTES];
    if (result->damage.kind != WAL_DAMAGE_NONE)
        printf("damage       at %s byte %llu\n", text_file(text, result->damage.slot),
               (unsigned long long)result->damage.offset);
    print_hole(survey);
    if (result->verdict == WAL_VERDICT_UNDECIDABLE)
        printf("lost         whether anything that was acknowledged is lost cannot be told\n");
    else if (result->verdict == WAL_VERDICT_CHAIN_MISMATCH)
        printf("lost         what the witnesses saw and this log does not hold\n");
    if (survey->missing > 0)
        printf("lost         %llu sequences of which nothing whole is left:\n",
               (unsigned long long)survey->missing);
    uint32_t printed = 0;
    survey_each_missing(survey, print_missing, &printed);
    if (printed > RANGES_PRINTED)
        printf("             and %u more ranges\n", printed - RANGES_PRINTED);
    printf("beyond       %llu whole frames, %s, %llu records: 'repair --salvage' takes what it can "
           "of them\n",
           (unsigned long long)survey->beyond.frames, text_size(text, survey->beyond.bytes),
           (unsigned long long)survey->beyond.records);
    printf("keys         that these name: ");
    key_list_print(&survey->beyond_keys);
    printf("keys         that damaged frames seem to name (unproven): ");
    key_list_print(&survey->damaged_keys);
}

static int check_report(const struct survey *survey)
{
    survey_print_folder(survey);
    print_segments(survey);
    survey_print_verdict(survey);
    print_replay(survey);
    if (survey_starts(survey)) {
        printf("result       a server starts from this folder\n");
        return EXIT_CLEAN;
    }
    if (wal_verdict_refuses(survey->result.verdict))
        print_damage(survey);
    printf("result       a server refuses to start from this folder; 'poro-wal repair' writes what "
           "can be saved into a new one\n");
    return EXIT_DAMAGED;
}

int tool_check(const struct tool_options *options)
{
    struct folder folder;
    int code = folder_open(&folder, options->folder, options->force);
    if (code == 0) {
        struct survey survey;
        code = survey_create(&survey, &folder, options->names);
        if (code == 0)
            code = check_report(&survey);
        survey_destroy(&survey);
    }
    folder_close(&folder);
    return code;
}
