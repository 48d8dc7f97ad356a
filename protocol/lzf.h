// LZF: unpacks what Redis's dumps have compressed.
#ifndef PORO_PROTOCOL_LZF_H
#define PORO_PROTOCOL_LZF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Packed bytes become at most this many times as many.
#define LZF_RATIO_MAX 88

// Unpacks into exactly `length` bytes. False when the packed bytes are damaged or of another
// length; what `to` holds is undefined then.
bool lzf_unpack(const uint8_t *packed, size_t packed_length, uint8_t *to, size_t length);

#endif
