/* Self-test, hash, instructions and stack of the policy, as lines of text. */
#include "semihosting.h"
#include "sequence.h"

#define MOST_PAINTED 65536u
#define PAINT 0xC5C5C5C5u

extern uint32_t bss_end; /* of the linker script: below it are variables */

static subject_state state;
static float observation[SUBJECT_OBSERVATIONS];
static float action[SUBJECT_ACTIONS];

#ifdef __arm__
/* SysTick (Armv7-M Architecture Reference Manual, B3.3) counts down 24 bits at the core's clock. */
#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)

static void counter_start(void)
{
    SYSTICK_CONTROL = 0;
    SYSTICK_RELOAD = 0xFFFFFFu;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 5;
}

static inline uint32_t counter(void)
{
    return 0xFFFFFFu - SYSTICK_VALUE;
}
#else
static void counter_start(void)
{
}

static inline uint32_t counter(void)
{
    uint32_t value;
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr %0, minstret\n"
                     ".option pop"
                     : "=r"(value)
                     :
                     : "memory");
    return value;
}
#endif

static inline uint32_t since(uint32_t before)
{
    const uint32_t after = counter();
#ifdef __arm__
    if ((SYSTICK_CONTROL >> 16) & 1u) {
        return UINT32_MAX; /* it has wrapped */
    }
    return (after - before) & 0xFFFFFFu;
#else
    return after - before;
#endif
}

static uint32_t begin(void)
{
    counter_start();
    return counter();
}

/* The cycle model counts instructions between these two. */
__attribute__((noinline, noclone)) void count_begin(void);
__attribute__((noinline, noclone)) void count_end(void);

void count_begin(void)
{
    __asm__ volatile("nop" ::: "memory");
}

void count_end(void)
{
    __asm__ volatile("nop\nnop" ::: "memory"); /* unlike the other, or the compiler makes them one */
}

/* By itself and short: the compiler does not know how long it is. */
__attribute__((noinline)) static uint32_t count_nops(void)
{
    const uint32_t before = begin();
    __asm__ volatile(".rept 256\nnop\n.endr");
    return since(before);
}

static uint32_t call_step(void)
{
    return subject_step(&state, observation, action);
}

static uint32_t call_peek(void)
{
    return subject_peek(&state, observation, action);
}

static uint32_t call_control(void)
{
    return subject_control(&state, SUBJECT_PERIOD_US, SUBJECT_PERIOD_US, observation, action);
}

/* Bytes below the stack pointer that a call writes to. The compiler keeps nothing there, and no interrupt
 * is enabled. */
__attribute__((noinline)) static uint32_t stack_depth(uint32_t (*call)(void))
{
    uintptr_t top;
#ifdef __arm__
    __asm__ volatile("mov %0, sp" : "=r"(top));
#else
    __asm__ volatile("mv %0, sp" : "=r"(top));
#endif
    uintptr_t low = (uintptr_t)&bss_end;
    if (top - low > MOST_PAINTED) {
        low = top - MOST_PAINTED;
    }
    for (volatile uint32_t *word = (uint32_t *)low; word < (uint32_t *)top; word++) {
        *word = PAINT;
    }
    (void)call();
    const volatile uint32_t *touched = (uint32_t *)low;
    while (touched < (uint32_t *)top && *touched == PAINT) {
        touched++;
    }
    return (uint32_t)(top - (uintptr_t)touched);
}

int main(void)
{
    uint32_t random = SEQUENCE_SEED;
    uint32_t hash = HASH_START;

    print_number("selftest", subject_selftest());
    print_number("state", sizeof(subject_state));

    uint32_t before = begin();
    print_number("none", since(before));
    print_number("nops", count_nops());

    subject_reset(&state);
    for (uint32_t i = 0; i < SEQUENCE_STEPS; i++) {
        sequence_observation(&random, observation);
        before = begin();
        const uint32_t status = subject_step(&state, observation, action);
        print_number("step", since(before));
        hash = hash_step(hash, action, status, &state);
    }
    print_number("hash", hash);

    subject_reset(&state);
    random = SEQUENCE_SEED;
    for (uint32_t i = 0; i < COUNTED_STEPS; i++) {
        sequence_observation(&random, observation);
        before = begin();
        (void)subject_peek(&state, observation, action);
        print_number("peek", since(before));
        const uint32_t now = i * SUBJECT_PERIOD_US;
        before = begin();
        (void)subject_control(&state, now, now, observation, action);
        print_number("control", since(before));
    }

    subject_reset(&state);
    random = SEQUENCE_SEED;
    for (uint32_t i = 0; i < COUNTED_STEPS; i++) {
        sequence_observation(&random, observation);
        count_begin();
        (void)subject_step(&state, observation, action);
        count_end();
    }

    subject_reset(&state);
    print_number("stack_step", stack_depth(call_step));
    print_number("stack_peek", stack_depth(call_peek));
    print_number("stack_control", stack_depth(call_control));
    print("end\n");
    return 0;
}
