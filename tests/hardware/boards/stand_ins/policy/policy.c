/* Records what it is shown and answers what it was told to. */
#include "policy.h"

float shown[POLICY_OBSERVATIONS];
float answer[POLICY_ACTIONS];
uint32_t answer_status, answer_selftest;
uint32_t calls, resets, shown_now_us, shown_sampled_us;

void policy_reset(policy_state *state)
{
    state->flags = 0u;
    resets++;
}

uint32_t policy_control(policy_state *state, uint32_t now_us, uint32_t sampled_us,
                        const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS])
{
    state->flags = 1u;
    calls++;
    shown_now_us = now_us;
    shown_sampled_us = sampled_us;
    for (int i = 0; i < POLICY_OBSERVATIONS; i++) {
        shown[i] = observation[i];
    }
    const uint32_t stale = now_us - sampled_us > POLICY_STALE_US;
    for (int i = 0; i < POLICY_ACTIONS; i++) {
        action[i] = stale ? -1.0f : answer[i];
    }
    return stale ? POLICY_STALE : answer_status;
}

uint32_t policy_selftest(void)
{
    return answer_selftest;
}
