/* Hides what a processor has beyond AVX2 from libraries whose CPUID instructions bench/imitate.py made trap.
 *
 * Preloaded (LD_PRELOAD), it answers each trap (SIGILL at UD2, 0f 0b) with what CPUID says, less the bits below.
 * Bits: Intel SDM, volume 2A, CPUID leaf 07H, sub-leaves 0 and 1.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

/* Leaf 7, sub-leaf 0: AVX-512 (F, DQ, IFMA, PF, ER, CD, BW, VL; VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ; 4VNNIW, 4FMAPS,
 * VP2INTERSECT, FP16) and AMX (BF16, TILE, INT8). */
static const unsigned HIDDEN_EBX =
    BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned HIDDEN_ECX = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned HIDDEN_EDX = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
/* Sub-leaf 1: AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA; AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16, AVX10. */
static const unsigned HIDDEN_1_EAX = BIT(4) | BIT(5) | BIT(21) | BIT(23);
static const unsigned HIDDEN_1_EDX = BIT(4) | BIT(5) | BIT(10) | BIT(19);

static void answer(int number, siginfo_t *info, void *raw) {
    (void)info;
    greg_t *registers = ((ucontext_t *)raw)->uc_mcontext.gregs;
    const unsigned char *instruction = (const unsigned char *)registers[REG_RIP];
    if (instruction[0] != 0x0f || instruction[1] != 0x0b) { /* a real illegal instruction: end as always */
        signal(number, SIG_DFL);
        return;
    }
    unsigned leaf = registers[REG_RAX], sub = registers[REG_RCX], eax, ebx, ecx, edx;
    __cpuid_count(leaf, sub, eax, ebx, ecx, edx);
    if (leaf == 7 && sub == 0) {
        ebx &= ~HIDDEN_EBX;
        ecx &= ~HIDDEN_ECX;
        edx &= ~HIDDEN_EDX;
    } else if (leaf == 7 && sub == 1) {
        eax &= ~HIDDEN_1_EAX;
        edx &= ~HIDDEN_1_EDX;
    }
    registers[REG_RAX] = eax;
    registers[REG_RBX] = ebx;
    registers[REG_RCX] = ecx;
    registers[REG_RDX] = edx;
    registers[REG_RIP] += 2;
}

__attribute__((constructor(101))) static void begin(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGILL, &action, NULL);
}
