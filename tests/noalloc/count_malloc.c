// Preloaded into the server: counts what really reaches the C library's allocator.
//
// The server defines malloc and its family itself (server/heap_guard.c) and passes them on to the
// functions below, which this library puts itself in front of. The count lies in the file that
// PORO_COUNT_FILE names, for the test to read. On SIGUSR2 it calls malloc, as a server that breaks
// its promise would.
#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static uint64_t counted_before_the_file;
static uint64_t *counter = &counted_before_the_file;

static void count(void)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    assert(function != NULL);
    return function;
}

void *__libc_malloc(size_t size)
{
    static void *(*real)(size_t);
    count();
    if (real == NULL)
        real = next("__libc_malloc");
    return real(size);
}

void *__libc_calloc(size_t number, size_t size)
{
    static void *(*real)(size_t, size_t);
    count();
    if (real == NULL)
        real = next("__libc_calloc");
    return real(number, size);
}

void *__libc_realloc(void *memory, size_t size)
{
    static void *(*real)(void *, size_t);
    count();
    if (real == NULL)
        real = next("__libc_realloc");
    return real(memory, size);
}

void *__libc_memalign(size_t alignment, size_t size)
{
    static void *(*real)(size_t, size_t);
    count();
    if (real == NULL)
        real = next("__libc_memalign");
    return real(alignment, size);
}

void __libc_free(void *memory)
{
    static void (*real)(void *);
    count();
    if (real == NULL)
        real = next("__libc_free");
    real(memory);
}

static void break_the_promise(int signal_number)
{
    (void)signal_number;
    // Not what a signal handler may do, and never to return where it works.
    void *volatile memory = malloc(10); // NOLINT(bugprone-signal-handler)
    free(memory);                       // NOLINT(bugprone-signal-handler)
}

__attribute__((constructor)) static void start(void)
{
    signal(SIGUSR2, break_the_promise);
    const char *path = getenv("PORO_COUNT_FILE");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *shared = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    assert(shared != MAP_FAILED);
    counter = shared;
    *counter += counted_before_the_file;
}
