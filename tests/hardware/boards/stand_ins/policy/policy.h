/* The interface of an exported policy, for a stand-in that records what it is shown. */
#ifndef POLICY_H
#define POLICY_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define POLICY_OBSERVATIONS 22
#define POLICY_ACTIONS 4
#define POLICY_RATE_HZ 100
#define POLICY_PERIOD_US 10000u
#define POLICY_STALE_US 50000u
#define POLICY_NONFINITE_INPUT 1u
#define POLICY_SATURATED_INPUT 2u
#define POLICY_MEMORY_RESET 4u
#define POLICY_STALE 8u
#define POLICY_COMMITTED 16u
typedef struct {
    float memory[16];
    float action[4];
    uint32_t committed_us;
    uint16_t averaged;
    uint16_t flags;
} policy_state;
void policy_reset(policy_state *state);
uint32_t policy_control(policy_state *state, uint32_t now_us, uint32_t sampled_us,
                        const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS]);
uint32_t policy_selftest(void);
#ifdef __cplusplus
}
#endif
#endif
