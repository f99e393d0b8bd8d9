/* Memory of which only what has been used is there, whatever malloc does.
 *
 * For what has room for much and seldom needs it. malloc's may lie in large pages (GLIBC_TUNABLES,
 * glibc.malloc.hugetlb), and then all of it is there from the first byte on that is used; here pages are small. Under
 * the address sanitizer it is malloc's, so that what is read beside it is found.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__) /* clang, up to the releases that define it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__

void *frs_pages_new(size_t bytes) {
    return calloc(1, bytes);
}

void frs_pages_free(void *pages, size_t bytes) {
    (void)bytes;
    free(pages);
}

#else

void *frs_pages_new(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    madvise(pages, bytes, MADV_NOHUGEPAGE); /* fails where there are no large ones, and then there is nothing to say */
    return pages;
}

void frs_pages_free(void *pages, size_t bytes) {
    if (pages)
        munmap(pages, bytes);
}

#endif
