// Memory of the process, from mmap.
#include "server/memory.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *memory_reserve(size_t bytes)
{
    size_t mapped = bytes + MEMORY_ALIGNMENT;
    uint8_t *address = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        return NULL;
    size_t head = (MEMORY_ALIGNMENT - (uintptr_t)address % MEMORY_ALIGNMENT) % MEMORY_ALIGNMENT;
    if (head > 0)
        memory_unreserve(address, head);
    if (mapped - head > bytes)
        memory_unreserve(address + head + bytes, mapped - head - bytes);
    return address + head;
}

void memory_huge(void *address, size_t bytes)
{
    // Where the kernel has none it does not matter.
    (void)madvise(address, bytes, MADV_HUGEPAGE);
}

void memory_unreserve(void *address, size_t bytes)
{
    int result = munmap(address, bytes);
    assert(result == 0);
}

void memory_return(void *address, size_t bytes)
{
    int result = madvise(address, bytes, MADV_DONTNEED);
    assert(result == 0);
}

// First number in a small file of the kernel's, UINT64_MAX when there is none ("max").
static uint64_t memory_read_number(const char *path)
{
    char text[64];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return UINT64_MAX;
    ssize_t length = read(file, text, sizeof(text) - 1);
    close(file);
    if (length <= 0)
        return UINT64_MAX;
    text[length] = '\0';
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : value;
}

uint64_t memory_machine_bytes(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = memory_read_number("/sys/fs/cgroup/memory.max");
    return group < bytes ? group : bytes;
}

uint64_t memory_resident_bytes(void)
{
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof(text) - 1);
    close(file);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    unsigned long long pages = 0;
    if (sscanf(text, "%*u %llu", &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
