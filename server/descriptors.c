// The limit on open files, from setrlimit.
#include "server/descriptors.h"

#include <assert.h>
#include <sys/resource.h>

// Descriptors beyond the clients': listeners, log segments, the ring.
#define DESCRIPTORS_OWN 256

int64_t descriptors_raise(int64_t clients)
{
    assert(clients > 0);
    struct rlimit limit;
    rlim_t wanted = (rlim_t)clients + DESCRIPTORS_OWN;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return clients;
    rlim_t before = limit.rlim_cur;
    // The hard limit too, which only some may raise.
    struct rlimit more = {wanted, limit.rlim_max < wanted ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return clients;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = before;
    int64_t possible = (int64_t)limit.rlim_cur - DESCRIPTORS_OWN;
    return possible < 1 ? 1 : possible < clients ? possible : clients;
}
