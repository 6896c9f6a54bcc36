/* Self-test and hash of the policy in a WebAssembly module. */
#include "sequence.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static subject_state state;
static float observation[SUBJECT_OBSERVATIONS];
static float action[SUBJECT_ACTIONS];

EXPORT(selftest) uint32_t selftest(void);
EXPORT(state_size) uint32_t state_size(void);
EXPORT(hash) uint32_t hash(void);

uint32_t selftest(void)
{
    return subject_selftest();
}

uint32_t state_size(void)
{
    return sizeof(subject_state);
}

uint32_t hash(void)
{
    uint32_t random = SEQUENCE_SEED;
    uint32_t result = HASH_START;
    subject_reset(&state);
    for (uint32_t i = 0; i < SEQUENCE_STEPS; i++) {
        sequence_observation(&random, observation);
        const uint32_t status = subject_step(&state, observation, action);
        result = hash_step(result, action, status, &state);
    }
    return result;
}
