#include "semihosting.h"

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };

/* QEMU wants the three RISC-V instructions in one page: a function of less than 64 bytes, so aligned. */
__attribute__((noinline, aligned(64))) static int32_t call(uint32_t operation, const void *argument)
{
#ifdef __arm__
    register uint32_t result __asm__("r0") = operation;
    register const void *pointer __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(result) : "r"(pointer) : "memory");
#else
    register uint32_t result __asm__("a0") = operation;
    register const void *pointer __asm__("a1") = argument;
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop"
                     : "+r"(result)
                     : "r"(pointer)
                     : "memory");
#endif
    return (int32_t)result;
}

static uint32_t length(const char *text)
{
    uint32_t n = 0;
    while (text[n] != '\0') {
        n++;
    }
    return n;
}

void print(const char *text)
{
    (void)call(SYS_WRITE0, text);
}

void print_number(const char *key, uint32_t value)
{
    char line[48];
    uint32_t n = 0;
    while (n < 32 && key[n] != '\0') {
        line[n] = key[n];
        n++;
    }
    line[n++] = ' ';
    for (int32_t shift = 28; shift >= 0; shift -= 4) {
        line[n++] = "0123456789abcdef"[(value >> shift) & 15u];
    }
    line[n++] = '\n';
    line[n] = '\0';
    print(line);
}

int32_t open_file(const char *path, uint32_t mode)
{
    const uintptr_t arguments[3] = {(uintptr_t)path, mode, length(path)};
    return call(SYS_OPEN, arguments);
}

/* SYS_READ and SYS_WRITE give the number of bytes that were not transferred. */
static int transfer(uint32_t operation, int32_t handle, const char *bytes, uint32_t count)
{
    while (count > 0) {
        const uintptr_t arguments[3] = {(uintptr_t)handle, (uintptr_t)bytes, count};
        const uint32_t left = (uint32_t)call(operation, arguments);
        if (left >= count) {
            return 0;
        }
        bytes += count - left;
        count = left;
    }
    return 1;
}

int read_all(int32_t handle, void *bytes, uint32_t count)
{
    return transfer(SYS_READ, handle, bytes, count);
}

int write_all(int32_t handle, const void *bytes, uint32_t count)
{
    return transfer(SYS_WRITE, handle, bytes, count);
}

void leave(uint32_t code)
{
    const uint32_t arguments[2] = {0x20026u /* ADP_Stopped_ApplicationExit */, code};
    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, arguments);
    }
}
