/* Observations that every target and Python make alike, and the hash of what the policy answers;
 * the twin is sequence.py. */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include <stdint.h>

#include "subject.h"

typedef union {
    float number;
    uint32_t word;
} number_word;

/* xorshift32 (Marsaglia 2003, "Xorshift RNGs", the triple 13, 17, 5). */
static inline uint32_t sequence_draw(uint32_t *random)
{
    uint32_t x = *random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *random = x;
    return x;
}

/* Multiples of 2^-22 in [-2, 2); about every eighth time one of them is any 32 bits, half of these times
 * NaN or Inf. */
static inline void sequence_observation(uint32_t *random, float *observation)
{
    for (uint32_t i = 0; i < SUBJECT_OBSERVATIONS; i++) {
        observation[i] = (float)(int32_t)(sequence_draw(random) >> 8) * 0x1p-22f - 2.0f;
    }
    const uint32_t drawn = sequence_draw(random);
    if ((drawn & 7u) == 0) {
        number_word any;
        any.word = sequence_draw(random) | ((drawn & 8u) ? 0x7F800000u : 0u);
        observation[(drawn >> 4) % SUBJECT_OBSERVATIONS] = any.number;
    }
}

/* FNV-1a of 32 bits (draft-eastlake-fnv). */
#define HASH_START 2166136261u

static inline uint32_t hash_bytes(uint32_t hash, const void *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 16777619u;
    }
    return hash;
}

/* Actions, status and memory after a step. */
static inline uint32_t hash_step(uint32_t hash, const float *action, uint32_t status, const void *state)
{
    hash = hash_bytes(hash, action, 4 * SUBJECT_ACTIONS);
    hash = hash_bytes(hash, &status, 4);
    return hash_bytes(hash, state, SUBJECT_MEMORY_BYTES);
}

#endif
