/* A CUDA runtime (libcudart.so.13) without a GPU: as much of it as the CUDA provider of onnxruntime asks for.
 *
 * Real here: memory (sizes, limits, bounds, copies), errors, launch limits, which GPU generations the provider carries
 * machine code for, capture and replay of CUDA graphs. Not real: kernels. A launch is checked, counted and does
 * nothing, so results mean nothing.
 *
 * Device memory has two mappings: the address that the program sees cannot be read or written by the host, as on a
 * real card, and a shadow holds the bytes. A host that touches a device pointer crashes here, too.
 *
 * No vendor header is used. The few structures that cross the boundary are written field by field at the offsets of
 * the CUDA 13 ABI on x86-64; streams, events, pools, graphs and kernels are pointers that only this file looks into.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef int status; /* cudaError_t */
typedef void *stream;

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_CONFIGURATION = 9,
    INVALID_DEVICE = 101,
    NO_KERNEL_IMAGE = 209,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILURE = 719,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
};

/* dim3 of the launch calls: twelve bytes, passed by value. */
struct dim3 { unsigned x, y, z; };

/* What the tests read. `CudaStub` in stub.py mirrors the order. */
struct counters {
    uint64_t in_use, peak, allocations, frees;
    uint64_t launches, gemms, graph_launches, replayed;
    uint64_t h2d, h2d_bytes, d2h, d2h_bytes, d2d, d2d_bytes;
    uint64_t synchronizations, refused_copies;
};
struct counters cuda_stub_counters;

static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static void unlock(int *unused) { (void)unused; pthread_mutex_unlock(&mutex); }
#define LOCKED __attribute__((cleanup(unlock), unused)) int locked = pthread_mutex_lock(&mutex)

/* ---- the card ------------------------------------------------------------------------------------------------- */

/* Shared memory limits per generation, from the CUDA programming guide's table of compute capabilities. */
struct card { int capability, processors; size_t shared_per_block, shared_per_processor; };
static const struct card cards[] = {
    {75, 40, 64 << 10, 64 << 10},    {80, 108, 163 << 10, 164 << 10}, {86, 28, 99 << 10, 100 << 10},
    {89, 46, 99 << 10, 100 << 10},   {90, 132, 227 << 10, 228 << 10}, {120, 70, 99 << 10, 100 << 10},
};
static struct card card;
static size_t memory_bytes;
static int verbose;

void cuda_stub_set_memory(uint64_t bytes) { memory_bytes = bytes; }

/* ---- errors --------------------------------------------------------------------------------------------------- */

static status last_error;     /* what cudaGetLastError tells and clears */
static status sticky_error;   /* a poisoned context: every later call fails with it */
static status armed_error;    /* injected by a test, not yet met */
static int armed_is_sticky;
static uint64_t armed_at;     /* the number of launches at which it is met */

/* Let the next operation on the device after `launches` more launches fail with `code`, once or for good. */
void cuda_stub_fail(status code, int is_sticky, uint64_t launches) {
    LOCKED;
    armed_error = code;
    armed_is_sticky = is_sticky;
    armed_at = cuda_stub_counters.launches + launches;
}

/* The card is chosen by the environment, so that any process that finds these libraries gets one:
 * CUDA_STUB_CAPABILITY (89 is 8.9), CUDA_STUB_MEMORY (bytes), CUDA_STUB_LOST_AFTER (launches until the context is lost),
 * CUDA_STUB_LOG (every launch and allocation on stderr). */
__attribute__((constructor)) static void choose_card(void) {
    const char *capability = getenv("CUDA_STUB_CAPABILITY"), *memory = getenv("CUDA_STUB_MEMORY");
    const char *lost_after = getenv("CUDA_STUB_LOST_AFTER");
    int wanted = capability ? atoi(capability) : 89;
    card = cards[3];
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++)
        if (cards[i].capability == wanted) card = cards[i];
    card.capability = wanted;
    memory_bytes = memory ? strtoull(memory, NULL, 10) : 16ull << 30;
    if (lost_after) cuda_stub_fail(ILLEGAL_ADDRESS, 1, strtoull(lost_after, NULL, 10));
    verbose = getenv("CUDA_STUB_LOG") != NULL;
}

static status failed(status code) { return last_error = code; }

/* For calls that only fail when the context is lost. */
static status context(void) { return sticky_error ? failed(sticky_error) : SUCCESS; }

/* For calls that do work on the device: here an injected error comes out. */
static status device(void) {
    if (!sticky_error && armed_error && cuda_stub_counters.launches >= armed_at) {
        status code = armed_error;
        armed_error = SUCCESS;
        if (armed_is_sticky) sticky_error = code;
        return failed(code);
    }
    return context();
}

status cudaPeekAtLastError(void) { LOCKED; return sticky_error ? sticky_error : last_error; }
status cudaGetLastError(void) {
    LOCKED;
    status code = cudaPeekAtLastError();
    last_error = SUCCESS;
    return code;
}

const char *cudaGetErrorName(status code) {
    switch (code) {
    case SUCCESS: return "cudaSuccess";
    case INVALID_VALUE: return "cudaErrorInvalidValue";
    case OUT_OF_MEMORY: return "cudaErrorMemoryAllocation";
    case INVALID_CONFIGURATION: return "cudaErrorInvalidConfiguration";
    case INVALID_DEVICE: return "cudaErrorInvalidDevice";
    case NO_KERNEL_IMAGE: return "cudaErrorNoKernelImageForDevice";
    case ILLEGAL_ADDRESS: return "cudaErrorIllegalAddress";
    case LAUNCH_FAILURE: return "cudaErrorLaunchFailure";
    case CAPTURE_UNSUPPORTED: return "cudaErrorStreamCaptureUnsupported";
    case CAPTURE_INVALIDATED: return "cudaErrorStreamCaptureInvalidated";
    default: return "cudaErrorUnknown";
    }
}
const char *cudaGetErrorString(status code) {
    switch (code) {
    case SUCCESS: return "no error";
    case INVALID_VALUE: return "invalid argument";
    case OUT_OF_MEMORY: return "out of memory";
    case INVALID_CONFIGURATION: return "invalid configuration argument";
    case INVALID_DEVICE: return "invalid device ordinal";
    case NO_KERNEL_IMAGE: return "no kernel image is available for execution on the device";
    case ILLEGAL_ADDRESS: return "an illegal memory access was encountered";
    case LAUNCH_FAILURE: return "unspecified launch failure";
    case CAPTURE_UNSUPPORTED: return "operation not permitted when stream is capturing";
    case CAPTURE_INVALIDATED: return "operation failed due to a previous error during capture";
    default: return "unknown error";
    }
}

/* ---- graphs: a recording of the work that a stream was given ---------------------------------------------------- */

struct work {
    enum { KERNEL, GEMM, COPY, FILL, CALL } kind;
    void *to;
    const void *from;
    size_t bytes;
    int detail; /* the direction of a copy, the value of a fill */
    void (*call)(void *);
};
struct graph { size_t count, room, held; struct work *work; };

/* Device memory that an executable graph holds for each node. A driver takes what it likes; some is what matters. */
enum { BYTES_PER_NODE = 1024 };

static stream capturing; /* the stream that is being captured, or none */
static int capture_broken;
static struct graph *recording;

static void hold(size_t bytes);
static void count_copy(int direction, size_t bytes);
static void do_copy(void *to, const void *from, size_t bytes);
static void *shadow_of(const void *address, size_t bytes);

/* True where `item` was recorded instead of being done now. */
static int record(stream on, struct work item) {
    if (!capturing || on != capturing) return 0;
    if (recording->count == recording->room) {
        recording->room = recording->room ? 2 * recording->room : 256;
        recording->work = realloc(recording->work, recording->room * sizeof item);
    }
    recording->work[recording->count++] = item;
    return 1;
}

/* Calls that wait for the device or change its memory break a capture (cudaStreamCaptureModeGlobal). */
static status outside_capture(void) {
    if (!capturing) return SUCCESS;
    capture_broken = 1;
    return failed(CAPTURE_UNSUPPORTED);
}

status cudaStreamBeginCapture(stream on, int mode) {
    LOCKED;
    (void)mode;
    if (!on || capturing) return failed(CAPTURE_UNSUPPORTED);
    capturing = on;
    capture_broken = 0;
    recording = calloc(1, sizeof *recording);
    return context();
}
status cudaStreamIsCapturing(stream on, int *is) { LOCKED; *is = capturing && on == capturing; return context(); }
status cudaStreamEndCapture(stream on, struct graph **graph) {
    LOCKED;
    *graph = NULL;
    if (!capturing || on != capturing) return failed(INVALID_VALUE);
    capturing = NULL;
    if (capture_broken) return failed(CAPTURE_INVALIDATED);
    *graph = recording;
    return context();
}
status cudaGraphInstantiate(struct graph **executable, struct graph *graph, unsigned long long flags) {
    LOCKED;
    (void)flags;
    *executable = NULL;
    status code = context();
    if (code) return code;
    size_t held = graph->count * BYTES_PER_NODE;
    if (cuda_stub_counters.in_use + held > memory_bytes) return failed(OUT_OF_MEMORY);
    hold(held);
    *executable = malloc(sizeof **executable);
    **executable = *graph;
    (*executable)->held = held;
    (*executable)->work = malloc(graph->count * sizeof *graph->work + 1);
    memcpy((*executable)->work, graph->work, graph->count * sizeof *graph->work);
    return SUCCESS;
}
status cudaGraphDestroy(struct graph *graph) {
    LOCKED;
    cuda_stub_counters.in_use -= graph->held;
    free(graph->work);
    free(graph);
    return SUCCESS;
}
status cudaGraphExecDestroy(struct graph *executable) { return cudaGraphDestroy(executable); }
status cudaGraphLaunch(struct graph *executable, stream on) {
    LOCKED;
    (void)on;
    status code = device();
    if (code) return code;
    cuda_stub_counters.graph_launches++;
    for (size_t i = 0; i < executable->count; i++) {
        struct work *item = &executable->work[i];
        switch (item->kind) {
        case KERNEL:
        case GEMM: cuda_stub_counters.replayed++; break;
        case COPY: count_copy(item->detail, item->bytes); do_copy(item->to, item->from, item->bytes); break;
        case FILL: memset(shadow_of(item->to, item->bytes), item->detail, item->bytes); break;
        case CALL: item->call(item->to); break;
        }
    }
    return SUCCESS;
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

struct block { char *address, *shadow; size_t bytes, mapped; struct block *next; };
static struct block *blocks;

static struct block *block_of(const void *address) {
    for (struct block *block = blocks; block; block = block->next)
        if ((char *)address >= block->address && (char *)address < block->address + block->mapped) return block;
    return NULL;
}
/* Where the bytes behind a device address are, or NULL where they are not all within one allocation. */
static void *shadow_of(const void *address, size_t bytes) {
    struct block *block = block_of(address);
    if (!block || (size_t)((char *)address - block->address) + bytes > block->bytes) return NULL;
    return block->shadow + ((char *)address - block->address);
}

static void hold(size_t bytes) {
    struct counters *c = &cuda_stub_counters;
    c->in_use += bytes;
    if (c->in_use > c->peak) c->peak = c->in_use;
}

status cudaMalloc(void **address, size_t bytes) {
    LOCKED;
    *address = NULL;
    status code = context();
    if (code || (code = outside_capture())) return code;
    if (cuda_stub_counters.in_use + bytes > memory_bytes) return failed(OUT_OF_MEMORY);
    size_t mapped = (bytes + 4095) & ~(size_t)4095;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    struct block *block = malloc(sizeof *block);
    block->address = mmap(NULL, mapped, PROT_NONE, flags, -1, 0);
    block->shadow = mmap(NULL, mapped, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (block->address == MAP_FAILED || block->shadow == MAP_FAILED) return failed(OUT_OF_MEMORY);
    block->bytes = bytes;
    block->mapped = mapped;
    block->next = blocks;
    blocks = block;
    if (verbose) fprintf(stderr, "allocate %zu\n", bytes);
    cuda_stub_counters.allocations++;
    hold(bytes);
    *address = block->address;
    return SUCCESS;
}
status cudaFree(void *address) {
    LOCKED;
    status code = context();
    if (code || !address || (code = outside_capture())) return code;
    for (struct block **link = &blocks; *link; link = &(*link)->next)
        if ((*link)->address == address) {
            struct block *block = *link;
            *link = block->next;
            munmap(block->address, block->mapped);
            munmap(block->shadow, block->mapped);
            cuda_stub_counters.frees++;
            cuda_stub_counters.in_use -= block->bytes;
            free(block);
            return SUCCESS;
        }
    return failed(INVALID_VALUE);
}
status cudaMallocFromPoolAsync(void **address, size_t bytes, void *pool, stream on) {
    (void)pool, (void)on;
    return cudaMalloc(address, bytes);
}
status cudaFreeAsync(void *address, stream on) { (void)on; return cudaFree(address); }
status cudaMallocHost(void **address, size_t bytes) { *address = calloc(1, bytes + 64); return context(); }
status cudaHostAlloc(void **address, size_t bytes, unsigned flags) { (void)flags; return cudaMallocHost(address, bytes); }
status cudaFreeHost(void *address) { free(address); return SUCCESS; }
status cudaMemGetInfo(size_t *available, size_t *total) {
    LOCKED;
    *total = memory_bytes;
    *available = memory_bytes > cuda_stub_counters.in_use ? memory_bytes - cuda_stub_counters.in_use : 0;
    return context();
}

enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3, INFERRED = 4 };

static void count_copy(int direction, size_t bytes) {
    struct counters *c = &cuda_stub_counters;
    switch (direction) {
    case HOST_TO_DEVICE: c->h2d++; c->h2d_bytes += bytes; break;
    case DEVICE_TO_HOST: c->d2h++; c->d2h_bytes += bytes; break;
    case DEVICE_TO_DEVICE: c->d2d++; c->d2d_bytes += bytes; break;
    }
}
static void do_copy(void *to, const void *from, size_t bytes) {
    void *target = shadow_of(to, bytes), *source = shadow_of(from, bytes);
    memmove(target ? target : to, source ? source : from, bytes);
}
/* A copy whose ends are not what its direction says, or reach past an allocation, is refused as the driver does. */
static status copy(void *to, const void *from, size_t bytes, int direction, stream on) {
    status code = device();
    if (code || !bytes) return code;
    int to_device = block_of(to) != NULL, from_device = block_of(from) != NULL;
    int seen = to_device ? (from_device ? DEVICE_TO_DEVICE : HOST_TO_DEVICE) : (from_device ? DEVICE_TO_HOST : 0);
    int in_bounds = (!to_device || shadow_of(to, bytes)) && (!from_device || shadow_of(from, bytes));
    if (!in_bounds || (direction != INFERRED && direction != seen)) {
        cuda_stub_counters.refused_copies++;
        return failed(INVALID_VALUE);
    }
    if (record(on, (struct work){.kind = COPY, .to = to, .from = from, .bytes = bytes, .detail = seen})) return SUCCESS;
    count_copy(seen, bytes);
    do_copy(to, from, bytes);
    return SUCCESS;
}
status cudaMemcpy(void *to, const void *from, size_t bytes, int direction) {
    LOCKED;
    status code = outside_capture();
    return code ? code : copy(to, from, bytes, direction, NULL);
}
status cudaMemcpyAsync(void *to, const void *from, size_t bytes, int direction, stream on) {
    LOCKED;
    return copy(to, from, bytes, direction, on);
}
status cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                         int direction, stream on) {
    LOCKED;
    status code = SUCCESS;
    for (size_t row = 0; row < height && !code; row++)
        code = copy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width, direction, on);
    return code;
}
/* Device variables hold zeros here: no kernel ever writes them. */
status cudaMemcpyFromSymbol(void *to, const void *symbol, size_t bytes, size_t offset, int direction) {
    LOCKED;
    (void)symbol, (void)offset, (void)direction;
    memset(to, 0, bytes);
    return device();
}
status cudaMemsetAsync(void *to, int value, size_t bytes, stream on) {
    LOCKED;
    status code = device();
    if (code || !bytes) return code;
    void *target = shadow_of(to, bytes);
    if (!target) return failed(INVALID_VALUE);
    if (!record(on, (struct work){.kind = FILL, .to = to, .bytes = bytes, .detail = value})) memset(target, value, bytes);
    return SUCCESS;
}
status cudaMemset(void *to, int value, size_t bytes) { return cudaMemsetAsync(to, value, bytes, NULL); }

/* cudaPointerAttributes: int type at 0 (0 unregistered, 2 device), int device at 4, device pointer at 8, host pointer
 * at 16. Pinned host memory counts as unregistered here. */
status cudaPointerGetAttributes(char *attributes, const void *address) {
    LOCKED;
    int on_device = block_of(address) != NULL;
    *(int *)attributes = on_device ? 2 : 0;
    *(int *)(attributes + 4) = 0;
    *(const void **)(attributes + 8) = on_device ? address : NULL;
    *(const void **)(attributes + 16) = on_device ? NULL : address;
    return context();
}

/* ---- kernels -------------------------------------------------------------------------------------------------- */

/* A module is what the compiler packed for one source file: the same kernels as machine code for some generations. */
struct module { int count, capabilities[32]; };
struct kernel {
    const void *host_function;
    struct module *module;
    const char *name;
    uint64_t launches;
    struct kernel *next;
};
static void *kernels;           /* a search tree by host function */
static struct kernel *launched; /* those that were launched at least once */

static int by_host_function(const void *a, const void *b) {
    uintptr_t left = (uintptr_t)((const struct kernel *)a)->host_function;
    uintptr_t right = (uintptr_t)((const struct kernel *)b)->host_function;
    return left < right ? -1 : left > right;
}
static struct kernel *kernel_of(const void *host_function) {
    struct kernel wanted = {.host_function = host_function}, **found = tfind(&wanted, &kernels, by_host_function);
    return found ? *found : NULL;
}

/* The registered wrapper has the address of the fat binary at 8. That has its own header size (uint16) at 6 and the
 * size of the entries (uint64) at 8; each entry has its kind (uint16, 2 is machine code) at 0, header size (uint32)
 * at 4, payload size (uint64) at 8 and the capability (uint32, 89 is 8.9) at 28. */
void **__cudaRegisterFatBinary(const char *wrapper) {
    struct module *module = calloc(1, sizeof *module);
    const char *binary = *(const char **)(wrapper + 8);
    const char *entry = binary + *(uint16_t *)(binary + 6), *end = entry + *(uint64_t *)(binary + 8);
    while (entry < end && module->count < 32) {
        if (*(uint16_t *)entry == 2) module->capabilities[module->count++] = *(int *)(entry + 28);
        entry += *(uint32_t *)(entry + 4) + *(uint64_t *)(entry + 8);
    }
    return (void **)module;
}
void __cudaRegisterFatBinaryEnd(void **module) { (void)module; }
void __cudaUnregisterFatBinary(void **module) { (void)module; }
void __cudaRegisterVar(void) {}
void __cudaRegisterFunction(void **module, const void *host_function, char *device_function, const char *name) {
    LOCKED;
    (void)device_function;
    struct kernel *kernel = malloc(sizeof *kernel);
    *kernel = (struct kernel){host_function, (struct module *)module, name, 0, NULL};
    if (*(struct kernel **)tsearch(kernel, &kernels, by_host_function) != kernel) free(kernel);
}

/* Machine code runs on its own generation, on the same or a later step of it. */
static int has_code(const struct kernel *kernel) {
    for (int i = 0; i < kernel->module->count; i++) {
        int capability = kernel->module->capabilities[i];
        if (capability / 10 == card.capability / 10 && capability % 10 <= card.capability % 10) return 1;
    }
    return 0;
}

static status launch(const void *host_function, struct dim3 grid, struct dim3 block, size_t shared, stream on) {
    LOCKED;
    struct kernel *kernel = kernel_of(host_function);
    if (verbose) fprintf(stderr, "launch %s\n", kernel ? kernel->name : "?");
    status code = device();
    if (code) return code;
    if (kernel && !has_code(kernel)) return failed(NO_KERNEL_IMAGE);
    uint64_t threads = (uint64_t)block.x * block.y * block.z;
    if (!grid.x || !grid.y || !grid.z || grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535 || !threads ||
        threads > 1024)
        return failed(INVALID_CONFIGURATION);
    if (shared > card.shared_per_block) return failed(INVALID_VALUE);
    cuda_stub_counters.launches++;
    if (kernel && kernel->launches++ == 0) {
        kernel->next = launched;
        launched = kernel;
    }
    record(on, (struct work){.kind = KERNEL});
    return SUCCESS;
}
/* How often kernels were launched whose (mangled) name has `part` in it. */
uint64_t cuda_stub_launches_of(const char *part) {
    LOCKED;
    uint64_t launches = 0;
    for (struct kernel *kernel = launched; kernel; kernel = kernel->next)
        if (strstr(kernel->name, part)) launches += kernel->launches;
    return launches;
}
/* A matrix product by the vendor's library, called by blas.c. */
status cuda_stub_gemm(stream on) {
    LOCKED;
    status code = device();
    if (code) return code;
    cuda_stub_counters.gemms++;
    record(on, (struct work){.kind = GEMM});
    return SUCCESS;
}

/* `kernel<<<grid, block, shared, stream>>>` pushes the configuration, and the kernel's host function pops it. */
static __thread struct { struct dim3 grid, block; size_t shared; stream on; } pushed;
unsigned __cudaPushCallConfiguration(struct dim3 grid, struct dim3 block, size_t shared, stream on) {
    pushed.grid = grid, pushed.block = block, pushed.shared = shared, pushed.on = on;
    return 0;
}
status __cudaPopCallConfiguration(struct dim3 *grid, struct dim3 *block, size_t *shared, stream *on) {
    *grid = pushed.grid, *block = pushed.block, *shared = pushed.shared, *on = pushed.on;
    return SUCCESS;
}
/* A kernel handle is its host function. */
status __cudaGetKernel(const void **kernel, const void *host_function) { *kernel = host_function; return SUCCESS; }
status __cudaLaunchKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **arguments, size_t shared,
                          stream on) {
    (void)arguments;
    return launch(kernel, grid, block, shared, on);
}
status cudaLaunchKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **arguments, size_t shared,
                        stream on) {
    (void)arguments;
    return launch(kernel, grid, block, shared, on);
}
status cudaLaunchCooperativeKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **arguments,
                                   size_t shared, stream on) {
    (void)arguments;
    return launch(kernel, grid, block, shared, on);
}
/* cudaLaunchConfig_t: grid at 0, block at 12, dynamic shared memory (size_t) at 24, stream at 32. */
status cudaLaunchKernelExC(const char *config, const void *kernel, void **arguments) {
    (void)arguments;
    return launch(kernel, *(struct dim3 *)config, *(struct dim3 *)(config + 12), *(size_t *)(config + 24),
                  *(stream *)(config + 32));
}
status cudaLaunchHostFunc(stream on, void (*call)(void *), void *argument) {
    LOCKED;
    status code = device();
    if (!code && !record(on, (struct work){.kind = CALL, .to = argument, .call = call})) call(argument);
    return code;
}

/* cudaFuncAttributes: size_t sharedSizeBytes 0, constSizeBytes 8, localSizeBytes 16; int maxThreadsPerBlock 24, numRegs
 * 28, ptxVersion 32, binaryVersion 36, cacheModeCA 40, maxDynamicSharedSizeBytes 44, preferredShmemCarveout 48. */
status cudaFuncGetAttributes(char *attributes, const void *host_function) {
    LOCKED;
    const struct kernel *kernel = kernel_of(host_function);
    if (kernel && !has_code(kernel)) return failed(NO_KERNEL_IMAGE);
    memset(attributes, 0, 52);
    *(int *)(attributes + 24) = 1024;
    *(int *)(attributes + 28) = 64;
    *(int *)(attributes + 32) = card.capability;
    *(int *)(attributes + 36) = card.capability;
    *(int *)(attributes + 44) = 48 << 10;
    return context();
}
enum { MAX_DYNAMIC_SHARED = 8 }; /* cudaFuncAttributeMaxDynamicSharedMemorySize */
status cudaFuncSetAttribute(const void *host_function, int attribute, int value) {
    LOCKED;
    (void)host_function;
    if (attribute == MAX_DYNAMIC_SHARED && (size_t)value > card.shared_per_block) return failed(INVALID_VALUE);
    return context();
}
status cudaKernelSetAttributeForDevice(const void *kernel, int attribute, int value, int ordinal) {
    (void)ordinal;
    return cudaFuncSetAttribute(kernel, attribute, value);
}
status cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks_per_processor, const void *kernel, int threads,
                                                              size_t shared, unsigned flags) {
    LOCKED;
    (void)kernel, (void)threads, (void)flags;
    *blocks_per_processor = shared > card.shared_per_block ? 0 : 1;
    return context();
}

/* ---- the device ------------------------------------------------------------------------------------------------ */

status cudaGetDeviceCount(int *count) { LOCKED; *count = 1; return context(); }
status cudaGetDevice(int *ordinal) { LOCKED; *ordinal = 0; return context(); }
status cudaSetDevice(int ordinal) { LOCKED; return ordinal == 0 ? context() : failed(INVALID_DEVICE); }
status cudaDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
status cudaRuntimeGetVersion(int *version) { *version = 13000; return SUCCESS; }

/* cudaDeviceProp: 1008 bytes; the fields that a reader of this card may want. */
status cudaGetDeviceProperties(char *properties, int ordinal) {
    LOCKED;
    if (ordinal != 0) return failed(INVALID_DEVICE);
    memset(properties, 0, 1008);
    strcpy(properties, "Stub card");                                 /* name */
    *(size_t *)(properties + 288) = memory_bytes;                    /* totalGlobalMem */
    *(size_t *)(properties + 296) = 48 << 10;                        /* sharedMemPerBlock */
    *(int *)(properties + 304) = 64 << 10;                           /* regsPerBlock */
    *(int *)(properties + 308) = 32;                                 /* warpSize */
    *(int *)(properties + 320) = 1024;                               /* maxThreadsPerBlock */
    *(int *)(properties + 324) = 1024;                               /* maxThreadsDim */
    *(int *)(properties + 328) = 1024;
    *(int *)(properties + 332) = 64;
    *(int *)(properties + 336) = INT32_MAX;                          /* maxGridSize */
    *(int *)(properties + 340) = 65535;
    *(int *)(properties + 344) = 65535;
    *(size_t *)(properties + 352) = 64 << 10;                        /* totalConstMem */
    *(int *)(properties + 360) = card.capability / 10;               /* major */
    *(int *)(properties + 364) = card.capability % 10;               /* minor */
    *(size_t *)(properties + 368) = 512;                             /* textureAlignment */
    *(int *)(properties + 384) = card.processors;                    /* multiProcessorCount */
    *(int *)(properties + 588) = 1;                                  /* unifiedAddressing */
    *(int *)(properties + 592) = 192;                                /* memoryBusWidth */
    *(int *)(properties + 596) = 32 << 20;                           /* l2CacheSize */
    *(int *)(properties + 604) = card.capability == 75 ? 1024 : 1536; /* maxThreadsPerMultiProcessor */
    *(size_t *)(properties + 624) = card.shared_per_processor;       /* sharedMemPerMultiprocessor */
    *(int *)(properties + 632) = 64 << 10;                           /* regsPerMultiprocessor */
    *(int *)(properties + 636) = 1;                                  /* managedMemory */
    *(int *)(properties + 668) = 1;                                  /* cooperativeLaunch */
    *(size_t *)(properties + 672) = card.shared_per_block;           /* sharedMemPerBlockOptin */
    *(int *)(properties + 720) = 1;                                  /* memoryPoolsSupported */
    return context();
}
status cudaDeviceGetAttribute(int *value, int attribute, int ordinal) {
    LOCKED;
    (void)ordinal;
    switch (attribute) { /* numbers of cudaDeviceAttr */
    case 1: *value = 1024; break;                              /* threads per block */
    case 8: *value = 48 << 10; break;                          /* shared memory per block */
    case 10: *value = 32; break;                               /* warp */
    case 16: *value = card.processors; break;                  /* multiprocessors */
    case 39: *value = card.capability == 75 ? 1024 : 1536; break; /* threads per multiprocessor */
    case 75: *value = card.capability / 10; break;             /* compute capability, major */
    case 76: *value = card.capability % 10; break;             /* compute capability, minor */
    case 81: *value = (int)card.shared_per_processor; break;   /* shared memory per multiprocessor */
    case 95: *value = 1; break;                                /* cooperative launch */
    case 97: *value = (int)card.shared_per_block; break;       /* shared memory per block, opted in */
    default:
        fprintf(stderr, "the stub runtime does not know device attribute %d\n", attribute);
        return failed(INVALID_VALUE);
    }
    return context();
}
/* Answers "symbol not found" (1): the provider then goes without the driver call. */
status cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned version, unsigned long long flags,
                                        int *answer) {
    (void)symbol, (void)version, (void)flags;
    *function = NULL;
    if (answer) *answer = 1;
    return SUCCESS;
}

/* ---- streams, events, pools, libraries: names without a body, as all work is done at once ----------------------- */

static status new_name(void **name) {
    LOCKED;
    static uintptr_t next = 0x10000;
    *name = (void *)(next += 64);
    return context();
}
status cudaStreamCreate(stream *made) { return new_name(made); }
status cudaStreamCreateWithFlags(stream *made, unsigned flags) { (void)flags; return new_name(made); }
status cudaStreamDestroy(stream on) { (void)on; return SUCCESS; }
status cudaStreamWaitEvent(stream on, void *event, unsigned flags) { (void)on, (void)event, (void)flags; return context(); }
status cudaEventCreate(void **event) { return new_name(event); }
status cudaEventCreateWithFlags(void **event, unsigned flags) { (void)flags; return new_name(event); }
status cudaEventDestroy(void *event) { (void)event; return SUCCESS; }
status cudaEventRecord(void *event, stream on) { (void)event, (void)on; return context(); }
status cudaEventRecordWithFlags(void *event, stream on, unsigned flags) { (void)event, (void)on, (void)flags; return context(); }
status cudaEventElapsedTime(float *milliseconds, void *from, void *to) { (void)from, (void)to; *milliseconds = 0.01f; return context(); }
status cudaMemPoolCreate(void **pool, const void *properties) { (void)properties; return new_name(pool); }
status cudaMemPoolDestroy(void *pool) { (void)pool; return SUCCESS; }
status cudaMemPoolSetAttribute(void *pool, int attribute, void *value) { (void)pool, (void)attribute, (void)value; return context(); }
status cudaMemPoolGetAttribute(void *pool, int attribute, uint64_t *value) { (void)pool, (void)attribute; *value = 0; return context(); }
status cudaMemPoolTrimTo(void *pool, size_t bytes) { (void)pool, (void)bytes; return context(); }
status cudaLibraryLoadData(void **library) { return new_name(library); }
status cudaLibraryGetKernel(void **kernel, void *library, const char *name) { (void)library, (void)name; return new_name(kernel); }
status cudaLibraryUnload(void *library) { (void)library; return SUCCESS; }

static status synchronized(void) {
    LOCKED;
    cuda_stub_counters.synchronizations++;
    return device();
}
status cudaStreamSynchronize(stream on) {
    LOCKED;
    status code = capturing && on == capturing ? outside_capture() : SUCCESS;
    return code ? code : synchronized();
}
status cudaDeviceSynchronize(void) { LOCKED; status code = outside_capture(); return code ? code : synchronized(); }
status cudaEventSynchronize(void *event) { (void)event; return synchronized(); }
