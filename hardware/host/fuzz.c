/* Feeds bit patterns to an exported policy and checks after every call what its header promises.
 *
 * Usage: fuzz INPUTS SEED. Prints "name count" lines; at the first broken promise it prints what broke
 * and the input, and returns 1. policy-names.h and fuzz-ranges.h are written for each policy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-names.h"

#include "fuzz-ranges.h"

#define INFINITY_BITS 0x7f800000u
#define RECOVERY_CALLS 3
#define HURRIED_CALLS 70000u

typedef struct {
    float action[PolicyActions];
    uint32_t status;
} Decision;

static uint64_t generator;
static uint32_t input_number;
static float input[PolicyObservations];
static uint32_t nonfinite_inputs;
static uint32_t saturated_inputs;
static uint32_t memory_resets;
static uint32_t stale_samples;
static uint32_t committed_steps;
static uint32_t corrupted_states;

/* PCG-XSH-RR 64/32 (O'Neill, 2014). */
static uint32_t random_word(void)
{
    const uint64_t old = generator;
    const uint32_t mixed = (uint32_t)(((old >> 18) ^ old) >> 27);
    const uint32_t turn = (uint32_t)(old >> 59);
    generator = old * 6364136223846793005u + 1442695040888963407u;
    return (mixed >> turn) | (mixed << ((32u - turn) & 31u));
}

static float from_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint32_t to_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static int is_finite(float number)
{
    return (to_bits(number) & INFINITY_BITS) != INFINITY_BITS;
}

static void require(int kept, const char *promise)
{
    uint32_t i;
    if (kept) {
        return;
    }
    printf("broken %s\ninput %lu:", promise, (unsigned long)input_number);
    for (i = 0u; i < PolicyObservations; ++i) {
        printf(" %08lx", (unsigned long)to_bits(input[i]));
    }
    printf("\n");
    exit(1);
}

/* Within 99 % of the limits. */
static void clean(float *observation)
{
    uint32_t i;
    for (i = 0u; i < PolicyObservations; ++i) {
        const float share = (float)(random_word() >> 8) * (1.98f / 16777216.0f) - 0.99f;
        observation[i] = center[i] + share * limit[i];
    }
}

static float special(uint32_t i)
{
    static const uint32_t words[] = {
        0x00000000u, 0x00000001u, 0x007fffffu, 0x00800000u, 0x3f800000u, 0x7f7fffffu,
        0x7f800000u, 0x7f800001u, 0x7fbfffffu, 0x7fc00000u, 0x7fffffffu,
    };
    const uint32_t number = (uint32_t)(sizeof words / sizeof words[0]);
    const uint32_t chosen = random_word() % (number + 3u);
    const uint32_t sign = random_word() & 0x80000000u;
    if (chosen >= number) {
        /* At the limit, one step within and one beyond. */
        const float edge = from_bits(to_bits(limit[i]) + chosen - number - 1u);
        return center[i] + (sign ? -edge : edge);
    }
    return from_bits(words[chosen] | sign);
}

static void draw_input(void)
{
    const uint32_t kind = random_word() % 8u;
    const uint32_t chosen = random_word() % PolicyObservations;
    uint32_t i;
    clean(input);
    if (kind <= 2u) {
        for (i = 0u; i < PolicyObservations; ++i) {
            input[i] = from_bits(random_word());
        }
    } else if (kind <= 4u) {
        input[chosen] = from_bits(random_word());
    } else if (kind == 5u) {
        for (i = 0u; i < PolicyObservations; ++i) {
            input[i] = special(i);
        }
    } else if (kind == 6u) {
        input[chosen] = special(chosen);
    }
}

static int is_bad(const float *observation, uint32_t count)
{
    uint32_t i;
    for (i = 0u; i < count; ++i) {
        if (!is_finite(observation[i] - center[i])) {
            return 1;
        }
    }
    return 0;
}

static void check_action(const float *action)
{
    uint32_t i;
    for (i = 0u; i < PolicyActions; ++i) {
        require(is_finite(action[i]), "actions are finite");
        require(action[i] >= low[i] && action[i] <= high[i], "actions are within their range");
    }
}

static int is_memory_valid(const PolicyState *state)
{
#if PolicyMemory > 0
    uint32_t i;
    for (i = 0u; i < PolicyMemory; ++i) {
        /* A NaN is not below anything. */
        if (!(state->memory[i] <= memory_limit[i] && state->memory[i] >= -memory_limit[i])) {
            return 0;
        }
#ifdef PolicySpareBits
        if ((state->memory[i] & spare_bits[i]) != 0) {
            return 0;
        }
#endif
    }
#else
    (void)state;
#endif
    return 1;
}

static int same_memory(const PolicyState *one, const PolicyState *other)
{
#if PolicyMemory > 0
    return memcmp(one->memory, other->memory, sizeof one->memory) == 0;
#else
    (void)one;
    (void)other;
    return 1;
#endif
}

static int same_decision(const Decision *one, const Decision *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}

/* A bad number is one that makes the first layer see 0. */
static void check_counts_as_zero(const PolicyState *state, const float *observation, const Decision *decision)
{
    float harmless[PolicyObservations];
    Decision expected;
    uint32_t i;
    for (i = 0u; i < PolicyObservations; ++i) {
        harmless[i] = is_finite(observation[i] - center[i]) ? observation[i] : center[i];
    }
    expected.status = PolicyPeek(state, harmless, expected.action) | PolicyNonfinite;
    require(same_decision(&expected, decision), "a NaN or Inf counts as 0");
}

/* A step that has been looked at before; what holds for every step is checked. */
static Decision step(PolicyState *state, const float *observation)
{
    const PolicyState before = *state;
    const int bad = is_bad(observation, PolicyObservations);
    Decision ahead;
    Decision decision;
    ahead.status = PolicyPeek(state, observation, ahead.action);
    require(memcmp(state, &before, sizeof before) == 0, "a look ahead changes nothing");
    decision.status = PolicyStep(state, observation, decision.action);
    check_action(decision.action);
    require(same_decision(&ahead, &decision), "a look ahead is what the step will be");
    require(is_memory_valid(state), "the memory is finite and within its range");
    require(((decision.status & PolicyNonfinite) != 0u) == bad, "exactly a NaN or Inf is reported");
    if (bad && (decision.status & PolicyMemoryReset) == 0u) {
        require(same_memory(state, &before), "a NaN or Inf leaves the memory as it was");
    }
    if (bad && PolicyExactCenters) {
        check_counts_as_zero(&before, observation, &decision);
    }
    nonfinite_inputs += (decision.status & PolicyNonfinite) != 0u;
    saturated_inputs += (decision.status & PolicySaturated) != 0u;
    memory_resets += (decision.status & PolicyMemoryReset) != 0u;
    return decision;
}

/* Any input, then a clean one: nothing of a bad input is left. */
static void check_steps(PolicyState *state)
{
    float fresh[PolicyObservations];
    PolicyState twin = *state;
    Decision decision = step(state, input);
    require((decision.status & PolicyMemoryReset) == 0u, "the memory never leaves its range");
    clean(fresh);
    if ((decision.status & PolicyNonfinite) != 0u) {
        const Decision expected = step(&twin, fresh);
        decision = step(state, fresh);
        require(same_decision(&decision, &expected), "a clean input recovers to the bit");
        require(same_memory(state, &twin), "a clean input recovers the memory to the bit");
    } else {
        decision = step(state, fresh);
    }
    require((decision.status & (PolicyNonfinite | PolicyMemoryReset)) == 0u, "a clean input is clean");
}

/* At any time, with samples of any age. */
static void check_calls(PolicyState *state, uint32_t *now)
{
    static const uint32_t pauses[] = {
        0u, 1u, PolicyPeriod / 4u, PolicyPeriod / 2u, PolicyPeriod - 1u, PolicyPeriod, PolicyPeriod + 1u,
        2u * PolicyPeriod, PolicyStaleAge, PolicyStaleAge + 1u,
    };
    static const uint32_t ages[] = {
        0u, 1u, PolicyPeriod, PolicyStaleAge, PolicyStaleAge + 1u, 0u - 1u, 0u - PolicyStaleAge,
        0u - PolicyStaleAge - 1u,
    };
    const PolicyState before = *state;
    const uint32_t drawn = random_word();
    uint32_t pause = pauses[drawn % (sizeof pauses / sizeof pauses[0])];
    uint32_t age = ages[(drawn >> 8) % (sizeof ages / sizeof ages[0])];
    Decision decision;
    uint32_t i;
    if ((drawn >> 16) % 16u == 0u) {
        pause = random_word();
    }
    if ((drawn >> 20) % 16u == 0u) {
        age = random_word();
    }
    *now += pause;
    decision.status = PolicyControl(state, *now, *now - age, input, decision.action);
    check_action(decision.action);
    require(is_memory_valid(state), "the memory is finite and within its range");
    /* A sample may seem to lie ahead of now by as much. */
    require(((decision.status & PolicyStale) != 0u) == (age > PolicyStaleAge && age < 0u - PolicyStaleAge),
        "exactly an old sample is stale");
    if ((decision.status & PolicyStale) != 0u) {
        for (i = 0u; i < PolicyActions; ++i) {
            require(to_bits(decision.action[i]) == to_bits(fallback[i]), "a stale sample gives the fallback");
        }
        require((decision.status & PolicyCommitted) == 0u, "a stale sample is not remembered");
    } else {
        const int bad = is_bad(input, PolicyOwnObservations);
        require(((decision.status & PolicyNonfinite) != 0u) == bad, "exactly a NaN or Inf is reported");
        if ((decision.status & PolicyMemoryReset) == 0u && (bad || (decision.status & PolicyCommitted) == 0u)) {
            require(same_memory(state, &before), "only a clean step changes the memory");
        }
        if (pause == 0u && age == 0u && (decision.status & PolicyMemoryReset) == 0u) {
            require((decision.status & PolicyCommitted) == 0u, "a step takes a period");
        }
    }
    stale_samples += (decision.status & PolicyStale) != 0u;
    committed_steps += (decision.status & PolicyCommitted) != 0u;
}

static void corrupt(PolicyState *state)
{
    unsigned char *const bytes = (unsigned char *)state;
    const uint32_t kind = random_word() % 3u;
    uint32_t i;
    if (kind == 0u) {
        for (i = 0u; i < sizeof *state; ++i) {
            bytes[i] = (unsigned char)random_word();
        }
    } else if (kind == 1u) {
        const uint32_t start = 4u * (random_word() % (uint32_t)(sizeof *state / 4u));
        const uint32_t word = random_word() | (random_word() % 2u ? INFINITY_BITS : 0u);
        memcpy(bytes + start, &word, sizeof word);
    } else {
        bytes[random_word() % sizeof *state] ^= (unsigned char)(1u << (random_word() % 8u));
    }
}

/* Memory whose bits have been changed. */
static void check_corruption(const PolicyState *healthy, uint32_t now)
{
    float fresh[PolicyObservations];
    PolicyState state = *healthy;
    PolicyState started;
    Decision decision;
    int valid;
    int call;
    corrupt(&state);
    valid = is_memory_valid(&state);
    {
        PolicyState stepped = state;
        clean(fresh);
        decision = step(&stepped, fresh);
        require(((decision.status & PolicyMemoryReset) == 0u) == valid, "exactly memory out of range is reset");
        if (!valid) {
            PolicyReset(&started);
            {
                Decision expected = step(&started, fresh);
                expected.status |= PolicyMemoryReset;
                require(same_decision(&decision, &expected), "memory out of range starts anew");
                require(same_memory(&stepped, &started), "memory out of range starts anew");
            }
        }
        decision = step(&stepped, input);
        require((decision.status & PolicyMemoryReset) == 0u, "a reset lasts");
    }
    for (call = 0; call < RECOVERY_CALLS; ++call) {
        now += PolicyPeriod;
        clean(fresh);
        decision.status = PolicyControl(&state, now, now, fresh, decision.action);
        check_action(decision.action);
        require(is_memory_valid(&state), "the memory is finite and within its range");
    }
    require((decision.status & (PolicyNonfinite | PolicyMemoryReset | PolicyStale)) == 0u,
        "control recovers from a corrupted state");
    require((decision.status & PolicyCommitted) != 0u, "control recovers from a corrupted state");
    ++corrupted_states;
}

/* Far more calls in a period than its counter can hold. */
static void check_hurry(void)
{
    PolicyState state;
    Decision decision;
    uint32_t call;
    PolicyReset(&state);
    clean(input);
    for (call = 0u; call < HURRIED_CALLS; ++call) {
        decision.status = PolicyControl(&state, 1000u, 1000u, input, decision.action);
        check_action(decision.action);
        require(((decision.status & PolicyCommitted) != 0u) == (call == 0u), "a step takes a period");
    }
}

int main(int count, char **arguments)
{
    PolicyState state;
    PolicyState controlled;
    uint32_t inputs;
    uint32_t now;
    if (count != 3) {
        return 2;
    }
    inputs = (uint32_t)strtoul(arguments[1], NULL, 10);
    generator = (uint64_t)strtoull(arguments[2], NULL, 10);
    (void)random_word();
    require(PolicySelftest() == 0u, "the self-test passes");
    now = random_word();
    PolicyReset(&state);
    PolicyReset(&controlled);
    for (input_number = 0u; input_number < inputs; ++input_number) {
        draw_input();
        check_steps(&state);
        check_calls(&controlled, &now);
        if (input_number % 8u == 0u) {
            check_corruption(input_number % 16u ? &state : &controlled, now);
        }
    }
    check_hurry();
    printf("inputs %lu\n", (unsigned long)inputs);
    printf("nonfinite %lu\n", (unsigned long)nonfinite_inputs);
    printf("saturated %lu\n", (unsigned long)saturated_inputs);
    printf("memory_resets %lu\n", (unsigned long)memory_resets);
    printf("stale %lu\n", (unsigned long)stale_samples);
    printf("committed %lu\n", (unsigned long)committed_steps);
    printf("corrupted %lu\n", (unsigned long)corrupted_states);
    return 0;
}
