/* Memory in pages: that it is zero, and that under a sanitizer what lies beside it is forbidden. */
#include "check.h"
#include "internal.h"

/* The address sanitizer's own; nobody's without it. */
int __asan_address_is_poisoned(void const volatile *address) __attribute__((weak));

static void pages_are_zero_up_to_their_last_byte(void) {
    for (size_t bytes = 1; bytes < 100000; bytes = bytes * 3 + 5) {
        char *pages = frs_pages_new(bytes);
        for (size_t i = 0; i < bytes; i++)
            CHECK(pages[i] == 0);
        pages[bytes - 1] = 1;
        frs_pages_free(pages, bytes);
    }
    frs_pages_free(NULL, 8);
}

static void a_sanitizer_forbids_what_lies_beside_pages(void) {
    if (!__asan_address_is_poisoned)
        return;
    char *pages = frs_pages_new(64);
    CHECK(!__asan_address_is_poisoned(pages) && !__asan_address_is_poisoned(pages + 63));
    CHECK(__asan_address_is_poisoned(pages - 1) && __asan_address_is_poisoned(pages + 64));
    frs_pages_free(pages, 64);
}

void test_pages(void) {
    TEST(pages_are_zero_up_to_their_last_byte);
    TEST(a_sanitizer_forbids_what_lies_beside_pages);
}
