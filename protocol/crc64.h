// CRC-64 as Redis puts it behind its dumps: the polynomial of D. T. Jones, reflected, not inverted.
#ifndef PORO_PROTOCOL_CRC64_H
#define PORO_PROTOCOL_CRC64_H

#include <stddef.h>
#include <stdint.h>

// The checksum of some bytes that follow others, whose checksum is `crc` (0 for none).
uint64_t crc64(uint64_t crc, const void *bytes, size_t length);

#endif
