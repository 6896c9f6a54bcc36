/* What the page calls: the policy with a state of its own and places for what goes in and comes out. */
#include "NAME.h"

#define EXPORT(name) __attribute__((export_name(name)))

static NAME_state state;
static float observation[UPPER_OBSERVATIONS];
static float action[UPPER_ACTIONS];

EXPORT("observation") const float *page_observation(void);
EXPORT("action") const float *page_action(void);
EXPORT("reset") void page_reset(void);
EXPORT("step") uint32_t page_step(void);
EXPORT("peek") uint32_t page_peek(void);
EXPORT("weights_crc") uint32_t page_weights_crc(void);
EXPORT("selftest") uint32_t page_selftest(void);

const float *page_observation(void) { return observation; }
const float *page_action(void) { return action; }
void page_reset(void) { NAME_reset(&state); }
uint32_t page_step(void) { return NAME_step(&state, observation, action); }
uint32_t page_peek(void) { return NAME_peek(&state, observation, action); }
uint32_t page_weights_crc(void) { return NAME_weights_crc(); }
uint32_t page_selftest(void) { return NAME_selftest(); }
