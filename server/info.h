// The sections of INFO.
#ifndef PORO_SERVER_INFO_H
#define PORO_SERVER_INFO_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

// All sections together fit.
#define INFO_BYTES_MAX KIB(256)

// Text that grows line by line.
struct info {
    const struct server *server;
    size_t length;
    char text[INFO_BYTES_MAX];
};

// In the order in which INFO shows them.
enum info_section {
    INFO_SERVER,
    INFO_CLIENTS,
    INFO_MEMORY,
    INFO_PERSISTENCE,
    INFO_STATS,
    INFO_REPLICATION,
    INFO_CPU,
    INFO_MODULES,
    INFO_COMMANDSTATS,
    INFO_ERRORSTATS,
    INFO_LATENCYSTATS,
    INFO_CLUSTER,
    INFO_KEYSPACE,
    INFO_SECTIONS,
};

// Its name as an argument of INFO.
const char *info_section_name(enum info_section section);
// Appends a section: a title, "name:value" lines, each with its line break.
void info_section_add(struct info *info, enum info_section section);

// Smallest power of two, minus one, that at least `share` (0..1) of the latencies do not exceed; 0
// when nothing has been counted. Bucket i counts latencies in [2^i, 2^(i+1)).
uint64_t info_percentile(const uint64_t *buckets, size_t count, double share);

// --- for the sources of the sections ---------------------------------------------------------

// printf to the text's end.
void info_text(struct info *info, const char *format, ...) __attribute__((format(printf, 2, 3)));
void info_string(struct info *info, const char *name, const char *value);
void info_number(struct info *info, const char *name, uint64_t value);
void info_fraction(struct info *info, const char *name, double value);
// The lines of sections with sources of their own.
void info_memory(struct info *info);
void info_persistence(struct info *info);
void info_commandstats(struct info *info);
void info_errorstats(struct info *info);
void info_latencystats(struct info *info);

#endif
