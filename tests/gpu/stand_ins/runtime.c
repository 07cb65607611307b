/* CUDA's runtime (libcudart): memory, copies, streams, their capture, and launches that start nothing.

   Rules are those of NVIDIA's CUDA Runtime API (sections Stream Management, Graph Management, Memory
   Management, and "API synchronization behavior") and of the programming guide's section on CUDA graphs; each
   is told where it is kept. Layouts are CUDA 13's. */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "card.h"

/* The record. */

static pthread_mutex_t record = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;
static int opened;
static int quiet;
static int failed;
static _Thread_local int last_error;

static long this_thread(void)
{
    return syscall(SYS_gettid);
}

void card_say(const char *format, ...)
{
    va_list given;
    if (quiet)
        return;
    pthread_mutex_lock(&record);
    if (!opened) {
        const char *path = getenv("CARD_LOG");
        opened = 1;
        file = path ? fopen(path, "w") : NULL;
    }
    if (file) {
        va_start(given, format);
        fprintf(file, "%ld ", this_thread());
        vfprintf(file, format, given);
        fputc('\n', file);
        fflush(file);
        va_end(given);
    }
    pthread_mutex_unlock(&record);
}

int card_answer(void)
{
    return failed;
}

int card_stub(const char *name)
{
    card_say("%s", name);
    return card_answer();
}

void card_mark(const char *text)
{
    card_say("mark %s", text);
}

void card_quiet(int wanted)
{
    quiet = wanted;
}

void card_fail(int error)
{
    failed = error;
}

/* Streams, and what is forbidden while one is captured. */

enum { GLOBAL = 0, OF_ITS_THREAD = 1, RELAXED = 2 };
enum { NON_BLOCKING = 1 };

struct stream {
    unsigned flags;
    int captured;
    int mode;
    int spoilt;
    long thread;
    struct stream *next;
};

static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *streams;
static _Thread_local int mode_of_thread = GLOBAL;
static int launches_left = -1;

void card_refuse_launch(int after)
{
    launches_left = after;
}

static int refused(const char *name, int error)
{
    card_say("refused %s %d", name, error);
    last_error = error;
    return error;
}

/* The stream if it is captured now. The default streams (0, 1, 2) can't be and are in no list. */
static struct stream *captured(const void *stream)
{
    struct stream *found;
    pthread_mutex_lock(&streams_lock);
    found = streams;
    while (found && found != stream)
        found = found->next;
    pthread_mutex_unlock(&streams_lock);
    return found && found->captured ? found : NULL;
}

/* cudaThreadExchangeStreamCaptureMode says whom a capture forbids calls that may be unsafe: with the thread's own
   mode GLOBAL (the default), where this thread captures otherwise than RELAXED, or any thread captures GLOBAL;
   with OF_ITS_THREAD, where this thread captures otherwise than RELAXED; with RELAXED, never. The call fails and
   the capture is spoilt. */
static int forbidden(const char *name)
{
    int found = 0;
    struct stream *each;
    if (mode_of_thread == RELAXED)
        return CARD_RIGHT;
    pthread_mutex_lock(&streams_lock);
    for (each = streams; each; each = each->next) {
        int ours = each->thread == this_thread();
        int theirs = mode_of_thread == GLOBAL && each->mode == GLOBAL;
        if (each->captured && each->mode != RELAXED && (ours || theirs)) {
            each->spoilt = 1;
            found = 1;
        }
    }
    pthread_mutex_unlock(&streams_lock);
    return found ? refused(name, CARD_NOT_WHILE_CAPTURED) : CARD_RIGHT;
}

/* The default stream waits for all blocking streams, which a captured one forbids ("implicit" dependency). */
static int waits_for_captured(const char *name, const void *stream)
{
    int found = 0;
    struct stream *each;
    if ((uintptr_t)stream > 1)
        return CARD_RIGHT;
    pthread_mutex_lock(&streams_lock);
    for (each = streams; each; each = each->next) {
        if (each->captured && !(each->flags & NON_BLOCKING)) {
            each->spoilt = 1;
            found = 1;
        }
    }
    pthread_mutex_unlock(&streams_lock);
    return found ? refused(name, CARD_WAITS_FOR_CAPTURED) : CARD_RIGHT;
}

int cudaStreamCreateWithFlags(struct stream **made, unsigned flags)
{
    struct stream *stream = calloc(1, sizeof *stream);
    stream->flags = flags;
    pthread_mutex_lock(&streams_lock);
    stream->next = streams;
    streams = stream;
    pthread_mutex_unlock(&streams_lock);
    card_say("cudaStreamCreate %p flags %u", (void *)stream, flags);
    *made = stream;
    return card_answer();
}

int cudaStreamCreate(struct stream **made)
{
    return cudaStreamCreateWithFlags(made, 0);
}

int cudaStreamCreateWithPriority(struct stream **made, unsigned flags, int priority)
{
    return cudaStreamCreateWithFlags(made, flags);
}

int cudaStreamGetPriority(const void *stream, int *priority)
{
    *priority = 0;
    return card_answer();
}

int cudaStreamBeginCapture(struct stream *stream, int mode)
{
    card_say("cudaStreamBeginCapture %p mode %d", (void *)stream, mode);
    if ((uintptr_t)stream <= 1)
        return refused("cudaStreamBeginCapture", CARD_NOT_WHILE_CAPTURED);
    pthread_mutex_lock(&streams_lock);
    stream->captured = 1;
    stream->mode = mode;
    stream->spoilt = 0;
    stream->thread = this_thread();
    pthread_mutex_unlock(&streams_lock);
    return card_answer();
}

int cudaStreamEndCapture(struct stream *stream, void **graph)
{
    int spoilt;
    card_say("cudaStreamEndCapture %p", (void *)stream);
    *graph = NULL;
    if (!captured(stream))
        return refused("cudaStreamEndCapture", CARD_NOT_CAPTURED);
    pthread_mutex_lock(&streams_lock);
    spoilt = stream->spoilt;
    stream->captured = 0;
    pthread_mutex_unlock(&streams_lock);
    if (spoilt)
        return refused("cudaStreamEndCapture", CARD_CAPTURE_SPOILT);
    *graph = calloc(1, 64);
    return card_answer();
}

int cudaStreamIsCapturing(const void *stream, int *status)
{
    *status = captured(stream) != NULL;
    return card_answer();
}

int cudaStreamGetCaptureInfo(const void *stream, int *status, uint64_t *id, void **graph, void **needed,
                             void **edges, size_t *count)
{
    *status = captured(stream) != NULL;
    if (id)
        *id = (uint64_t)*status;
    if (graph)
        *graph = NULL;
    if (count)
        *count = 0;
    return card_answer();
}

int cudaThreadExchangeStreamCaptureMode(int *mode)
{
    int before = mode_of_thread;
    mode_of_thread = *mode;
    *mode = before;
    return card_answer();
}

/* A captured stream has nothing to wait for yet. */
int cudaStreamSynchronize(const void *stream)
{
    struct stream *being = captured(stream);
    card_say("cudaStreamSynchronize %p", stream);
    if (being) {
        being->spoilt = 1;
        return refused("cudaStreamSynchronize", CARD_NOT_WHILE_CAPTURED);
    }
    return card_answer();
}

int cudaDeviceSynchronize(void)
{
    int error = forbidden("cudaDeviceSynchronize");
    card_say("cudaDeviceSynchronize");
    return error ? error : card_answer();
}

/* Graphs and events: nothing is in them. */

static int something(void **made, const char *name)
{
    card_say("%s", name);
    *made = calloc(1, 64);
    return card_answer();
}

int cudaGraphInstantiate(void **made, void *graph, uint64_t flags)
{
    return something(made, "cudaGraphInstantiate");
}

int cudaGraphInstantiateWithFlags(void **made, void *graph, uint64_t flags)
{
    return something(made, "cudaGraphInstantiate");
}

int cudaGraphLaunch(void *graph, const void *stream)
{
    card_say("cudaGraphLaunch %p", stream);
    return card_answer();
}

int cudaGraphGetNodes(void *graph, void **nodes, size_t *count)
{
    *count = 1;
    return card_answer();
}

int cudaEventCreate(void **made)
{
    return something(made, "cudaEventCreate");
}

int cudaEventCreateWithFlags(void **made, unsigned flags)
{
    return something(made, "cudaEventCreate");
}

int cudaEventElapsedTime(float *ms, void *begin, void *end)
{
    *ms = 0.001f;
    return card_answer();
}

int cudaLaunchHostFunc(void *stream, void (*work)(void *), void *given)
{
    card_say("cudaLaunchHostFunc");
    work(given);
    return card_answer();
}

/* Memory of the card: the host's, in a list, so that it is known which is which. */

struct block {
    char *begin;
    size_t size;
    struct block *next;
};

static const size_t memory_of_card = (size_t)140 << 30;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;
static size_t used;

static int on_card(const void *place)
{
    struct block *each;
    pthread_mutex_lock(&blocks_lock);
    each = blocks;
    while (each && !((char *)place >= each->begin && (char *)place < each->begin + each->size))
        each = each->next;
    pthread_mutex_unlock(&blocks_lock);
    return each != NULL;
}

static int take(void **made, size_t size)
{
    struct block *block = malloc(sizeof *block);
    if (posix_memalign(made, 512, size ? size : 1)) {
        free(block);
        *made = NULL;
        return CARD_NO_MEMORY;
    }
    memset(*made, 0, size);
    block->begin = *made;
    block->size = size;
    pthread_mutex_lock(&blocks_lock);
    block->next = blocks;
    blocks = block;
    used += size;
    pthread_mutex_unlock(&blocks_lock);
    return card_answer();
}

static void give_back(void *place)
{
    struct block **each = &blocks;
    struct block *found;
    pthread_mutex_lock(&blocks_lock);
    while (*each && (*each)->begin != place)
        each = &(*each)->next;
    found = *each;
    if (found) {
        *each = found->next;
        used -= found->size;
        free(found->begin);
        free(found);
    }
    pthread_mutex_unlock(&blocks_lock);
    if (!found)
        card_say("wrong free of %p", place);
}

/* The programming guide names allocation as a call that may be unsafe: it may wait for the whole device. */
int cudaMalloc(void **made, size_t size)
{
    int error = forbidden("cudaMalloc");
    card_say("cudaMalloc %zu", size);
    return error ? error : take(made, size);
}

int cudaFree(void *place)
{
    int error = place ? forbidden("cudaFree") : CARD_RIGHT;
    if (!place || error)
        return error ? error : card_answer();
    card_say("cudaFree");
    give_back(place);
    return card_answer();
}

/* Allocation in a stream's order is allowed while it is captured. */
int cudaMallocAsync(void **made, size_t size, const void *stream)
{
    card_say("cudaMallocAsync %zu", size);
    return take(made, size);
}

int cudaMallocFromPoolAsync(void **made, size_t size, void *pool, const void *stream)
{
    card_say("cudaMallocAsync %zu", size);
    return take(made, size);
}

int cudaFreeAsync(void *place, const void *stream)
{
    give_back(place);
    return card_answer();
}

static int take_of_host(const char *name, void **made, size_t size)
{
    int error = forbidden(name);
    card_say("%s %zu", name, size);
    *made = error ? NULL : calloc(1, size ? size : 1);
    return error ? error : card_answer();
}

int cudaHostAlloc(void **made, size_t size, unsigned flags)
{
    return take_of_host("cudaHostAlloc", made, size);
}

int cudaMallocHost(void **made, size_t size)
{
    return take_of_host("cudaMallocHost", made, size);
}

int cudaFreeHost(void *place)
{
    card_say("cudaFreeHost");
    free(place);
    return card_answer();
}

int cudaHostRegister(void *place, size_t size, unsigned flags)
{
    int error = forbidden("cudaHostRegister");
    card_say("cudaHostRegister %zu", size);
    return error ? error : card_answer();
}

int cudaMemGetInfo(size_t *free_bytes, size_t *all_bytes)
{
    *all_bytes = memory_of_card;
    *free_bytes = memory_of_card - used;
    return card_answer();
}

struct pointer_attributes {
    int type;
    int device;
    void *on_card;
    void *on_host;
};

int cudaPointerGetAttributes(struct pointer_attributes *found, const void *place)
{
    memset(found, 0, sizeof *found);
    found->type = on_card(place) ? 2 : 0;
    found->on_card = (void *)place;
    return card_answer();
}

int cudaGetSymbolAddress(void **found, const void *symbol)
{
    static char room[1 << 20];
    *found = room;
    return card_answer();
}

/* Copies. "API synchronization behavior": without Async they are done on the default stream, and the call
   returns when they are done (to the card, from memory that pages, when all is on its way). */

enum { HOST_TO_HOST, HOST_TO_CARD, CARD_TO_HOST, CARD_TO_CARD, AS_THE_PLACES_SAY };

static int copy(const char *name, void *to, const void *from, size_t size, int kind, const void *stream)
{
    static const char *const names[] = {"HtoH", "HtoD", "DtoH", "DtoD"};
    int to_card = on_card(to);
    int from_card = on_card(from);
    if (kind == AS_THE_PLACES_SAY)
        kind = (from_card ? 2 : 0) + (to_card ? 1 : 0);
    card_say("%s %s %zu stream %p", name, names[kind], size, stream);
    if (size && kind != HOST_TO_HOST && (from_card != kind >> 1 || to_card != (kind & 1)))
        card_say("wrong places of %s %s", name, names[kind]);
    memcpy(to, from, size);
    return card_answer();
}

int cudaMemcpy(void *to, const void *from, size_t size, int kind)
{
    int error = size ? forbidden("cudaMemcpy") : CARD_RIGHT;
    return error ? error : copy("cudaMemcpy", to, from, size, kind, NULL);
}

int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, const void *stream)
{
    int error = waits_for_captured("cudaMemcpyAsync", stream);
    return error ? error : copy("cudaMemcpyAsync", to, from, size, kind, stream);
}

int cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t rows,
                      int kind, const void *stream)
{
    int error = waits_for_captured("cudaMemcpy2DAsync", stream);
    size_t row;
    if (error)
        return error;
    card_say("cudaMemcpyAsync 2D %zu stream %p", width * rows, stream);
    for (row = 0; row < rows; row++)
        memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
    return card_answer();
}

int cudaMemset(void *place, int value, size_t size)
{
    int error = forbidden("cudaMemset");
    if (error)
        return error;
    card_say("cudaMemset %zu", size);
    memset(place, value, size);
    return card_answer();
}

int cudaMemsetAsync(void *place, int value, size_t size, const void *stream)
{
    int error = waits_for_captured("cudaMemsetAsync", stream);
    if (error)
        return error;
    card_say("cudaMemsetAsync %zu stream %p", size, stream);
    memset(place, value, size);
    return card_answer();
}

/* Kernels: registered by the libraries when they are loaded, and started by name of a host's function. */

struct size3 {
    unsigned x, y, z;
};

struct launch {
    struct size3 grid;
    struct size3 block;
    size_t shared;
    void *stream;
};

static _Thread_local struct launch pushed;

void **__cudaRegisterFatBinary(void *code)
{
    static void *handle;
    return &handle;
}

void __cudaRegisterFatBinaryEnd(void **handle)
{
}

void __cudaUnregisterFatBinary(void **handle)
{
}

void __cudaRegisterFunction(void **handle, const void *function)
{
}

void __cudaRegisterVar(void **handle, const void *variable)
{
}

char __cudaInitModule(void **handle)
{
    return 1;
}

unsigned __cudaPushCallConfiguration(struct size3 grid, struct size3 block, size_t shared, void *stream)
{
    pushed = (struct launch){grid, block, shared, stream};
    return 0;
}

int __cudaPopCallConfiguration(struct size3 *grid, struct size3 *block, size_t *shared, void **stream)
{
    *grid = pushed.grid;
    *block = pushed.block;
    *shared = pushed.shared;
    *stream = pushed.stream;
    return card_answer();
}

int __cudaGetKernel(const void **kernel, const void *function)
{
    *kernel = function;
    return card_answer();
}

static int started(const void *stream)
{
    struct stream *being = captured(stream);
    int error = waits_for_captured("launch", stream);
    if (error)
        return error;
    if (being && launches_left >= 0 && launches_left-- == 0) {
        being->spoilt = 1;
        return refused("launch", CARD_NOT_WHILE_CAPTURED);
    }
    card_say("launch stream %p", stream);
    return card_answer();
}

int cudaLaunchKernel(const void *function, struct size3 grid, struct size3 block, void **given, size_t shared,
                     const void *stream)
{
    return started(stream);
}

int __cudaLaunchKernel(const void *kernel, struct size3 grid, struct size3 block, void **given, size_t shared,
                       const void *stream)
{
    return started(stream);
}

int cudaLaunchCooperativeKernel(const void *function, struct size3 grid, struct size3 block, void **given,
                                size_t shared, const void *stream)
{
    return started(stream);
}

int cudaLaunchKernelExC(const struct launch *how, const void *function, void **given)
{
    return started(how->stream);
}

struct function_attributes {
    size_t shared, constant, local;
    int threads, registers, virtual_version, binary_version;
};

int cudaFuncGetAttributes(struct function_attributes *found, const void *function)
{
    *found = (struct function_attributes){0, 0, 0, 1024, 32, 90, 90};
    return card_answer();
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function, int size, size_t shared)
{
    *blocks = 2;
    return card_answer();
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function, int size,
                                                           size_t shared, unsigned flags)
{
    *blocks = 2;
    return card_answer();
}

/* The card: what libraries choose their kernels by, as of an H200. */

static _Thread_local int chosen;

int cudaGetDeviceCount(int *count)
{
    *count = 1;
    return card_answer();
}

int cudaGetDevice(int *device)
{
    *device = chosen;
    return card_answer();
}

int cudaSetDevice(int device)
{
    chosen = device;
    return card_answer();
}

int cudaDriverGetVersion(int *version)
{
    *version = 13000;
    return card_answer();
}

int cudaRuntimeGetVersion(int *version)
{
    *version = 13000;
    return card_answer();
}

int cudaGetLastError(void)
{
    int error = last_error;
    last_error = CARD_RIGHT;
    return failed ? failed : error;
}

int cudaPeekAtLastError(void)
{
    return failed ? failed : last_error;
}

const char *cudaGetErrorString(int error)
{
    return error ? "an error of the stand-in" : "no error";
}

const char *cudaGetErrorName(int error)
{
    return error ? "cudaErrorOfStandIn" : "cudaSuccess";
}

/* Bytes between the members are of no use here. */
struct properties {
    char name[256];
    char unused_a[32];
    size_t memory;
    size_t shared_by_block;
    int registers_by_block;
    int warp;
    char unused_b[8];
    int threads_by_block;
    int block[3];
    int grid[3];
    char unused_c[4];
    size_t constant;
    int major;
    int minor;
    char unused_d[16];
    int processors;
    char unused_e[172];
    int kernels_at_once;
    char unused_f[20];
    int copies_at_once;
    int one_address_space;
    int bus_bits;
    int cache;
    char unused_g[4];
    int threads_by_processor;
    char unused_h[16];
    size_t shared_by_processor;
    int registers_by_processor;
    char unused_i[36];
    size_t shared_by_block_at_most;
    char unused_j[8];
    int blocks_by_processor;
    char unused_k[28];
    int pools;
    char unused_l[284];
};

_Static_assert(offsetof(struct properties, processors) == 384, "layout of CUDA 13");
_Static_assert(offsetof(struct properties, cache) == 596, "layout of CUDA 13");
_Static_assert(offsetof(struct properties, shared_by_block_at_most) == 672, "layout of CUDA 13");
_Static_assert(sizeof(struct properties) == 1008, "layout of CUDA 13");

int cudaGetDeviceProperties(struct properties *found, int device)
{
    *found = (struct properties){
        .name = "stand-in for an H200",
        .memory = memory_of_card,
        .shared_by_block = 49152,
        .registers_by_block = 65536,
        .warp = 32,
        .threads_by_block = 1024,
        .block = {1024, 1024, 64},
        .grid = {2147483647, 65535, 65535},
        .constant = 65536,
        .major = 9,
        .minor = 0,
        .processors = 132,
        .kernels_at_once = 1,
        .copies_at_once = 3,
        .one_address_space = 1,
        .bus_bits = 6144,
        .cache = 60 << 20,
        .threads_by_processor = 2048,
        .shared_by_processor = 233472,
        .registers_by_processor = 65536,
        .shared_by_block_at_most = 232448,
        .blocks_by_processor = 32,
        .pools = 1,
    };
    return card_answer();
}

int cudaDeviceGetAttribute(int *found, int attribute, int device)
{
    static const int known[][2] = {
        {1, 1024},    /* threads of a block */
        {5, 2147483647}, /* a grid, x */
        {6, 65535},   /* y */
        {7, 65535},   /* z */
        {8, 49152},   /* shared memory of a block */
        {10, 32},     /* threads of a warp */
        {12, 65536},  /* registers of a block */
        {16, 132},    /* processors */
        {38, 60 << 20}, /* cache */
        {39, 2048},   /* threads of a processor */
        {75, 9},      /* version of its code */
        {76, 0},
        {81, 233472}, /* shared memory of a processor */
        {82, 65536},  /* registers of a processor */
        {97, 232448}, /* shared memory of a block at most */
        {106, 32},    /* blocks of a processor */
    };
    size_t i;
    *found = 1;
    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i][0] == attribute)
            *found = known[i][1];
    return card_answer();
}

int cudaDeviceGetPCIBusId(char *text, int size, int device)
{
    snprintf(text, (size_t)size, "0000:01:00.0");
    return card_answer();
}

int cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0;
    *greatest = -5;
    return card_answer();
}

int cudaDeviceCanAccessPeer(int *can, int device, int other)
{
    *can = 0;
    return card_answer();
}

int cudaDeviceGetDefaultMemPool(void **pool, int device)
{
    *pool = &used;
    return card_answer();
}

int cudaMemPoolCreate(void **pool, const void *how)
{
    *pool = &used;
    return card_answer();
}

int cudaMemPoolGetAttribute(void *pool, int attribute, uint64_t *value)
{
    *value = 0;
    return card_answer();
}

int cudaGetDriverEntryPointByVersion(const char *name, void **found, unsigned version, uint64_t flags, int *status)
{
    card_say("driver %s", name);
    *found = (void *)card_answer;
    if (status)
        *status = 0;
    return card_answer();
}
