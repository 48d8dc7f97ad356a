// The text of a configuration file, brought in line with the settings in force.
#ifndef PORO_SERVER_CONFIG_REWRITE_H
#define PORO_SERVER_CONFIG_REWRITE_H

#include "server/config.h"

#include <stddef.h>

// Writes into `to` what `old` should be so that a server that reads it gets the settings of
// `config`: comments, empty lines and the order stay; a line is changed only where it says
// something else, and dropped where another one has said it; what no line says and is not the
// default is added at the end. Returns the length, or -E2BIG.
int64_t config_rewrite(const struct config *config, const char *old, size_t old_length, char *to,
                       size_t size);

#endif
