// Proves that nothing is allocated from the heap while the server runs.
#include "server/heap_guard.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HEAP_GUARD 1
#else
#define HEAP_GUARD 0
#endif

#if HEAP_GUARD

#include <assert.h>
#include <malloc.h>

// The C library's own functions under the names that it exports for programs like this one
// ("Replacing malloc" in the glibc manual).
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

// The only variable at file scope in the server: malloc has no argument through which it could be
// told. It is set and cleared once each.
static volatile bool sealed;

static void say(const char *text, int length)
{
    ssize_t written = write(STDERR_FILENO, text, (size_t)length);
    (void)written; // there is nobody left to tell
}

static void check(const char *function, size_t size, const void *caller)
{
    if (__builtin_expect(!sealed, 1)) {
        return;
    }
    sealed = false; // whatever abort calls may need it
    char text[160];
    int length = snprintf(text, sizeof text,
                          "heap_guard: %s of %zu bytes after start, called from %p: abort\n",
                          function, size, caller);
    say(text, length);
    abort();
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size)
{
    check("malloc", size, CALLER);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    check("calloc", size, CALLER);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    check("realloc", size, CALLER);
    return __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    check("reallocarray", size, CALLER);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    check("memalign", size, CALLER);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    check("aligned_alloc", size, CALLER);
    return __libc_memalign(alignment, size);
}

void *valloc(size_t size)
{
    check("valloc", size, CALLER);
    return __libc_memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    check("posix_memalign", size, CALLER);
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    void *got = __libc_memalign(alignment, size);
    if (got == NULL) {
        return ENOMEM;
    }
    *memory = got;
    return 0;
}

void free(void *memory)
{
    if (memory != NULL) {
        check("free", 0, CALLER);
        __libc_free(memory);
    }
}

// glibc's own composes its message on the heap: sealed, the guard would speak up in its place and
// hide which assertion failed.
void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
    char text[1024];
    int length = snprintf(text, sizeof text, "%s:%u: %s: assertion '%s' failed\n", file, line,
                          function, assertion);
    say(text, length < (int)sizeof text ? length : (int)sizeof text - 1);
    heap_guard_open();
    abort();
}

void heap_guard_seal(void)
{
    assert(!sealed);
    sealed = true;
}

void heap_guard_open(void)
{
    sealed = false;
}

#else

void heap_guard_seal(void)
{
}

void heap_guard_open(void)
{
}

#endif

bool heap_guard_present(void)
{
    return HEAP_GUARD;
}
