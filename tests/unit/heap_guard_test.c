// The heap guard: sealed, every function of malloc's family aborts and says so; formatting works.
#include "server/heap_guard.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <float.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// The compiler must not see what becomes of these.
static void *volatile kept;
static volatile size_t bytes = 100;
static volatile int known_error = ENOSPC;

static void do_malloc(void)
{
    kept = malloc(bytes);
}
static void do_calloc(void)
{
    kept = calloc(2, bytes);
}
static void do_realloc(void)
{
    kept = realloc(kept, 2 * bytes);
}
static void do_reallocarray(void)
{
    kept = reallocarray(kept, 2, bytes);
}
static void do_memalign(void)
{
    kept = memalign(64, bytes);
}
static void do_aligned_alloc(void)
{
    kept = aligned_alloc(64, bytes + 28);
}
static void do_valloc(void)
{
    kept = valloc(bytes);
}
static void do_posix_memalign(void)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes) == 0) {
        kept = memory;
    }
}
static void do_free(void)
{
    free(kept);
}
static void do_strdup(void)
{
    kept = strdup("inside the C library");
}
static void do_assert(void)
{
    assert(bytes == 0);
}
static void do_free_null(void)
{
    kept = NULL;
    free(kept);
}
static void do_format(void)
{
    char text[512];
    snprintf(text, sizeof text, "%d %ld %zu %x %s %5d %.*s", -1, -5L, bytes, 255u, "text", 7, 2,
             "cut");
    double doubles[] = {0.1, DBL_MAX, DBL_MIN, 4.9e-324, -0.0};
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        snprintf(text, sizeof text, "%.17g %.2f %.17Lg", doubles[i], doubles[i],
                 (long double)doubles[i]);
    }
    snprintf(text, sizeof text, "%s", strerror(known_error));
}
static void do_open_again(void)
{
    heap_guard_open();
    do_malloc();
    do_free();
    heap_guard_seal();
}

// Runs `action` sealed, in a child. Its wait status, and what it wrote to standard error.
static int sealed(void (*action)(void), char told[1024])
{
    int ends[2];
    cr_assert(pipe(ends) == 0);
    kept = malloc(bytes);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        heap_guard_seal();
        action();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used<1023; used += got> 0 ? (size_t)got : 0) {
        got = read(ends[0], told + used, 1023 - used);
    }
    told[used] = '\0';
    close(ends[0]);
    int status = 0;
    cr_assert(waitpid(child, &status, 0) == child);
    free(kept);
    return status;
}

static void aborts(void (*action)(void), const char *message)
{
    char told[1024];
    int status = sealed(action, told);
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    cr_expect(aborted, "%s: %x", message, status);
    cr_expect(strstr(told, message) != NULL, "'%s' is not in '%s'", message, told);
}

static void goes_on(void (*action)(void))
{
    char told[1024];
    int status = sealed(action, told);
    bool left = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    cr_expect(left, "%x '%s'", status, told);
    cr_expect(told[0] == '\0', "'%s'", told);
}

Test(heap_guard, sealed)
{
    if (!heap_guard_present()) {
        cr_skip("compiled out under sanitizers");
    }
    aborts(do_malloc, "heap_guard: malloc of 100 bytes after start, called from 0x");
    aborts(do_calloc, "heap_guard: calloc of 100 bytes");
    aborts(do_realloc, "heap_guard: realloc of 200 bytes");
    aborts(do_reallocarray, "heap_guard: reallocarray of 100 bytes");
    aborts(do_memalign, "heap_guard: memalign of 100 bytes");
    aborts(do_aligned_alloc, "heap_guard: aligned_alloc of 128 bytes");
    aborts(do_valloc, "heap_guard: valloc of 100 bytes");
    aborts(do_posix_memalign, "heap_guard: posix_memalign of 100 bytes");
    aborts(do_free, "heap_guard: free of");
    aborts(do_strdup, "heap_guard: malloc of 21 bytes");
    // A failed assertion tells itself, not what glibc would allocate to tell it.
    aborts(do_assert, "do_assert: assertion 'bytes == 0' failed");
    goes_on(do_free_null);
    goes_on(do_format);
    goes_on(do_open_again);
}

static char byte(size_t index)
{
    return ((char *)kept)[index];
}

static bool is_aligned(uintptr_t to)
{
    return (uintptr_t)kept % to == 0;
}

// Unsealed, the functions do what they always do.
Test(heap_guard, passes_through)
{
    do_malloc();
    memset(kept, 1, bytes);
    do_realloc();
    cr_assert(byte(99) == 1);
    do_reallocarray();
    cr_assert(byte(99) == 1 && malloc_usable_size(kept) >= 200);
    do_free();
    do_calloc();
    cr_assert(byte(199) == 0);
    do_free();
    void (*const aligned[])(void) = {do_memalign, do_aligned_alloc, do_posix_memalign};
    for (size_t i = 0; i < sizeof aligned / sizeof aligned[0]; i++) {
        aligned[i]();
        cr_assert(is_aligned(64));
        do_free();
    }
    do_valloc();
    cr_assert(is_aligned(4096));
    do_free();
    do_free_null();
}

Test(heap_guard, refuses_as_the_library_does)
{
    if (!heap_guard_present()) {
        cr_skip("the address sanitizer would end the program");
    }
    cr_assert(reallocarray(NULL, SIZE_MAX / 2, bytes) == NULL && errno == ENOMEM);
    void *memory = NULL;
    cr_assert(posix_memalign(&memory, 3, bytes) == EINVAL && memory == NULL);
    cr_assert(posix_memalign(&memory, 24, bytes) == EINVAL && memory == NULL);
}
