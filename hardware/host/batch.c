/* One call for many states of an exported policy; policy-names.h gives its names. */
#include "policy-names.h"

uint32_t Batch_state_size(void);
uint32_t Batch_weights_crc(void);
uint32_t Batch_selftest(void);
void Batch_step(uint32_t count, const float *observations, const PolicyNumber *before,
    PolicyNumber *after, float *actions, uint32_t *status);
void Batch_peek(uint32_t count, const float *observations, const PolicyNumber *memory,
    float *actions, uint32_t *status);
void Batch_reset(uint32_t count, PolicyState *states);
void Batch_memory(uint32_t count, const PolicyState *states, PolicyNumber *memory);
void Batch_control(uint32_t count, PolicyState *states, const uint32_t *now_us,
    const uint32_t *sampled_us, const float *observations, float *actions, uint32_t *status);

static void get_memory(const PolicyState *state, PolicyNumber *memory)
{
#if PolicyMemory > 0
    uint32_t i;
    for (i = 0u; i < PolicyMemory; ++i) {
        memory[i] = state->memory[i];
    }
#else
    (void)state;
    (void)memory;
#endif
}

static void start(PolicyState *state, const PolicyNumber *memory)
{
    PolicyReset(state);
#if PolicyMemory > 0
    {
        uint32_t i;
        for (i = 0u; i < PolicyMemory; ++i) {
            state->memory[i] = memory[i];
        }
    }
#else
    (void)memory;
#endif
}

uint32_t Batch_state_size(void)
{
    return (uint32_t)sizeof(PolicyState);
}

uint32_t Batch_weights_crc(void)
{
    return PolicyWeightsCrc();
}

uint32_t Batch_selftest(void)
{
    return PolicySelftest();
}

void Batch_step(uint32_t count, const float *observations, const PolicyNumber *before,
    PolicyNumber *after, float *actions, uint32_t *status)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        PolicyState state;
        start(&state, before + i * PolicyMemory);
        status[i] = PolicyStep(&state, observations + i * PolicyObservations, actions + i * PolicyActions);
        get_memory(&state, after + i * PolicyMemory);
    }
}

void Batch_peek(uint32_t count, const float *observations, const PolicyNumber *memory,
    float *actions, uint32_t *status)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        PolicyState state;
        start(&state, memory + i * PolicyMemory);
        status[i] = PolicyPeek(&state, observations + i * PolicyObservations, actions + i * PolicyActions);
    }
}

void Batch_reset(uint32_t count, PolicyState *states)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        PolicyReset(states + i);
    }
}

void Batch_memory(uint32_t count, const PolicyState *states, PolicyNumber *memory)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        get_memory(states + i, memory + i * PolicyMemory);
    }
}

void Batch_control(uint32_t count, PolicyState *states, const uint32_t *now_us,
    const uint32_t *sampled_us, const float *observations, float *actions, uint32_t *status)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        status[i] = PolicyControl(states + i, now_us[i], sampled_us[i],
            observations + i * PolicyObservations, actions + i * PolicyActions);
    }
}
