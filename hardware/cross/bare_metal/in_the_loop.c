/* The policy answers observations that come through a named pipe; memories stay here. */
#include "semihosting.h"
#include "subject.h"

typedef struct {
    float action[SUBJECT_ACTIONS];
    uint32_t status;
    unsigned char memory[SUBJECT_MEMORY_BYTES + 1]; /* a copy, for comparison; 1 because 0 is no size */
} answer;

static subject_state states[VEHICLES];
static float observation[SUBJECT_OBSERVATIONS];
static answer reply;

static void copy(unsigned char *to, const void *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = ((const unsigned char *)from)[i];
    }
}

int main(void)
{
    const int32_t in = open_file("in.fifo", OPEN_READ);
    const int32_t out = open_file("out.fifo", OPEN_WRITE);
    uint32_t reset;
    if (in < 0 || out < 0) {
        return 1;
    }
    while (read_all(in, &reset, 4)) {
        for (uint32_t vehicle = 0; vehicle < VEHICLES; vehicle++) {
            if (!read_all(in, observation, sizeof observation)) {
                return 1;
            }
            if (reset) {
                subject_reset(&states[vehicle]);
            }
            reply.status = subject_step(&states[vehicle], observation, reply.action);
            copy(reply.memory, &states[vehicle], SUBJECT_MEMORY_BYTES);
            if (!write_all(out, &reply, 4 * SUBJECT_ACTIONS + 4 + SUBJECT_MEMORY_BYTES)) {
                return 1;
            }
        }
    }
    return 0; /* nobody asks any more */
}
