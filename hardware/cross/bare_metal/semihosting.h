/* Calls to the emulator or debugger that runs the program ("Semihosting for AArch32 and AArch64", Arm;
 * the RISC-V semihosting specification uses the same numbers). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define OPEN_READ 1u  /* "rb" */
#define OPEN_WRITE 5u /* "wb" */

void print(const char *text);
void print_number(const char *key, uint32_t value); /* "key 0123abcd" and a line feed */
int32_t open_file(const char *path, uint32_t mode); /* a handle, -1 where it fails */
/* Both transfer all bytes; 0 where the file ends or fails before. */
int read_all(int32_t handle, void *bytes, uint32_t count);
int write_all(int32_t handle, const void *bytes, uint32_t count);
__attribute__((noreturn)) void leave(uint32_t code); /* the emulator's exit status */

#endif
