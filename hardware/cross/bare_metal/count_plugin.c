/* A plugin of QEMU's translator: how often each block of instructions ran between two markers, and how
 * often the guest then went elsewhere than to the next instruction.
 *
 * Debian's QEMU can load plugins but brings no header, so the part of the interface that is used
 * (version 1, QEMU "TCG Plugins" manual) is declared here. Arguments: begin=, end= (addresses of the
 * markers), out= (a file; lines "address instructions runs jumps"). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*call)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*call)(unsigned, void *),
                                          int flags, void *argument);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*call)(plugin_id, void *), void *argument);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORTED int qemu_plugin_version = 1;

typedef struct block {
    struct block *next;
    uint64_t start, end;
    uint64_t instructions, runs, jumps;
} block;

static block *blocks;
static block *previous;
static uint64_t begin_address, end_address;
static int counting;
static const char *path;

static void on_block(unsigned cpu, void *argument)
{
    block *now = argument;
    (void)cpu;
    if (now->start == begin_address) {
        counting = 1;
        previous = NULL;
        return;
    }
    if (!counting) {
        return;
    }
    if (previous && previous->end != now->start) {
        previous->jumps++;
    }
    if (now->start == end_address) {
        counting = 0;
        return;
    }
    now->runs++;
    previous = now;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
    block *made = calloc(1, sizeof *made);
    (void)id;
    if (made == NULL) {
        abort();
    }
    made->start = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    made->instructions = count;
    /* Too far behind an instruction after which a page ends: the translator has looked at the next. Such
     * a block does not end with a branch. */
    made->end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    made->next = blocks;
    blocks = made;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0 /* QEMU_PLUGIN_CB_NO_REGS */, made);
}

static void on_exit_(plugin_id id, void *argument)
{
    FILE *file = fopen(path, "w");
    (void)id;
    (void)argument;
    if (file == NULL) {
        return;
    }
    for (const block *b = blocks; b != NULL; b = b->next) {
        if (b->runs) {
            fprintf(file, "%llx %llu %llu %llu\n", (unsigned long long)b->start,
                    (unsigned long long)b->instructions, (unsigned long long)b->runs,
                    (unsigned long long)b->jumps);
        }
    }
    fclose(file);
}

EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "begin=", 6) == 0) {
            begin_address = strtoull(argv[i] + 6, NULL, 0);
        } else if (strncmp(argv[i], "end=", 4) == 0) {
            end_address = strtoull(argv[i] + 4, NULL, 0);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            path = strdup(argv[i] + 4);
        }
    }
    if (path == NULL) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
