// INFO's sections on commands: calls, times and errors.
#include "server/info.h"

#include "server/command_docs.h"
#include "server/command_stats.h"
#include "server/commands.h"
#include "server/server.h"

#include <stdlib.h>

void info_commandstats(struct info *info)
{
    for (uint32_t i = 0; i < commands_count(); i++) {
        const struct command *command = commands_at(i);
        const struct command_stat *stat = command_stats_of(info->server->command_stats, command);
        if (stat->calls + stat->rejected + stat->failed == 0)
            continue;
        double average = stat->calls > 0 ? (double)stat->ns / 1000 / (double)stat->calls : 0;
        info_text(info,
                  "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
                  "failed_calls=%llu\r\n",
                  command->doc->name, (unsigned long long)stat->calls,
                  (unsigned long long)stat->ns / 1000, average, (unsigned long long)stat->rejected,
                  (unsigned long long)stat->failed);
    }
}

void info_errorstats(struct info *info)
{
    const char *name;
    uint64_t count;
    for (uint32_t i = 0; command_stats_error_at(info->server->command_stats, i, &name, &count); i++)
        info_text(info, "errorstat_%s:count=%llu\r\n", name, (unsigned long long)count);
}

// One command's percentiles, those that the setting lists.
static void info_percentiles(struct info *info, const struct command_stat *stat)
{
    const char *text = info->server->config.latency_tracking_info_percentiles;
    for (uint32_t i = 0; i < CONFIG_PERCENTILES_MAX && *text != '\0'; i++) {
        char *end;
        double percent = strtod(text, &end);
        double us = (double)stats_percentile(stat, percent) / 1000;
        info_text(info, "%sp%g=%.3f", i > 0 ? "," : "", percent, us);
        text = *end == ' ' ? end + 1 : end;
    }
}

void info_latencystats(struct info *info)
{
    if (!info->server->config.latency_tracking)
        return;
    for (uint32_t i = 0; i < commands_count(); i++) {
        const struct command *command = commands_at(i);
        const struct command_stat *stat = command_stats_of(info->server->command_stats, command);
        if (stat->timed == 0)
            continue;
        info_text(info, "latency_percentiles_usec_%s:", command->doc->name);
        info_percentiles(info, stat);
        info_text(info, "\r\n");
    }
}
