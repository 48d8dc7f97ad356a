// What of a command line may be shown to others, in MONITOR and SLOWLOG: not passwords.
#ifndef PORO_SERVER_REDACT_H
#define PORO_SERVER_REDACT_H

#include <stdint.h>

struct call;

struct redacted {
    const uint8_t *data; // NULL: the bytes are no longer there
    uint32_t length;
};

// Argument `index` of a call, also after it has been executed, when a large value may have become
// the key's entry; "(redacted)" in place of a secret.
struct redacted redact_argument(const struct call *call, uint32_t index);

#endif
