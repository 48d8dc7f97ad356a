// SHA-256, as FIPS 180-4 defines it: how access control lists name passwords.
#ifndef PORO_SERVER_SHA256_H
#define PORO_SERVER_SHA256_H

#include <stddef.h>

#define SHA256_HEX_BYTES 64 // digits of a digest

// The digest of `bytes` in lower-case hexadecimal digits, terminated.
void sha256_hex(const void *bytes, size_t length, char hex[SHA256_HEX_BYTES + 1]);

#endif
