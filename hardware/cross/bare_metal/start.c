/* From reset to main() on a Cortex-M or an RV32 core without any library. */
#include "semihosting.h"

#define FAULT 99u /* exit status after a fault */

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;

int main(void);
void reset(void);
void start(void);
void fault(void);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count);
void *memset(void *to, int value, __SIZE_TYPE__ count);

/* The compiler may call these for a structure in the programs around the policy. That the policy itself
 * needs no symbol is checked on its object file. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count)
{
    for (__SIZE_TYPE__ i = 0; i < count; i++) {
        ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    }
    return to;
}

void *memset(void *to, int value, __SIZE_TYPE__ count)
{
    for (__SIZE_TYPE__ i = 0; i < count; i++) {
        ((unsigned char *)to)[i] = (unsigned char)value;
    }
    return to;
}

void start(void)
{
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    leave((uint32_t)main());
}

#ifdef __arm__

void fault(void)
{
    leave(FAULT);
}

void reset(void)
{
#ifdef __ARM_FP
    /* Armv7-M Architecture Reference Manual, CPACR: full access to coprocessors 10 and 11, the FPU. */
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\nisb" ::: "memory");
#endif
    start();
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler handlers[15];
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
                          fault, fault, fault, fault}};

#else

__attribute__((aligned(64))) void fault(void)
{
    leave(FAULT);
}

/* RISC-V Privileged Architecture: mtvec is where a trap goes, mstatus.FS = 1 switches the FPU on. */
__attribute__((naked, section(".vectors"), used)) void reset(void)
{
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "la sp, stack_top\n"
                     "la t0, fault\n"
                     "csrw mtvec, t0\n"
                     "li t0, 0x2000\n"
                     "csrs mstatus, t0\n"
                     "j start\n"
                     ".option pop");
}

#endif
