/* Prints the best levels of one book, out of the daemon's shared memory. It needs csrc/flowrs.h and its library alone:
 *
 *     make -C csrc
 *     cc -Icsrc -o read_book examples/read_book.c csrc/build/libflowrs.a -pthread
 *     ./read_book binance:BTC-USDT /run/flowrs/flowrs.sock
 *
 * Exit codes: 0 it is live, 1 no daemon, 2 wrong usage, 4 it is not live, 5 there is no such book.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "flowrs.h"

enum { DEPTH = 5, LINES = 2 };

/* Asks for the memory. Its descriptor comes with the second line, behind the greeting: unix(7), SCM_RIGHTS. */
static int ask(int sock) {
    static const char request[] = "{\"method\":\"attach\"}\n";
    if (send(sock, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        return -1;
    for (int lines = 0; lines < LINES;) {
        char text[4096];
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr aligned;
        } control;
        struct iovec part = {text, sizeof text};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
        struct cmsghdr *rights = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
        if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
            int fd;
            memcpy(&fd, CMSG_DATA(rights), sizeof fd);
            return fd;
        }
        if (size <= 0)
            return -1;
        for (ssize_t i = 0; i < size; i++)
            lines += text[i] == '\n';
    }
    return -1;
}

static frs_arena *attach(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return NULL;
    strcpy(address.sun_path, path);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;
    if (connect(sock, (struct sockaddr *)&address, sizeof address) == 0)
        fd = ask(sock);
    close(sock);
    if (fd < 0)
        return NULL;
    frs_arena *arena = frs_arena_open(fd);
    close(fd);
    return arena;
}

static void print_side(const char *name, const frs_view *view, const frs_level *levels, uint32_t count) {
    for (uint32_t i = 0; i < count && i < DEPTH; i++) {
        char price[FRS_DECIMAL_TEXT + 1] = "", quantity[FRS_DECIMAL_TEXT + 1] = "";
        frs_decimal_format(levels[i].price, view->price_scale, price, FRS_DECIMAL_TEXT);
        frs_decimal_format(levels[i].quantity, view->quantity_scale, quantity, FRS_DECIMAL_TEXT);
        printf("%s %s %s\n", name, price, quantity);
    }
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: %s VENUE:SYMBOL SOCKET\n", words[0]);
        return 2;
    }
    frs_arena *arena = attach(words[2]);
    if (!arena) {
        fprintf(stderr, "no daemon at %s\n", words[2]);
        return 1;
    }
    /* All of this, but for printing, costs no system call; a program that goes on reading repeats only frs_view_read.
     */
    frs_view view;
    frs_level bids[DEPTH], asks[DEPTH];
    int slot = frs_arena_find(arena, words[1], strlen(words[1]));
    if (slot < 0 || frs_view_read(arena, (uint32_t)slot, &view, bids, asks, DEPTH) < 0 ||
        strcmp(view.name, words[1]) != 0) {
        fprintf(stderr, "no book of %s can be read\n", words[1]);
        return 5;
    }
    static const char *const states[] = {"empty", "syncing", "live", "stale", "disabled"};
    printf("%s %s seq %llu:%llu\n", view.name, states[view.state], (unsigned long long)view.epoch,
           (unsigned long long)view.seq);
    print_side("bid", &view, bids, view.count[FRS_BID]);
    print_side("ask", &view, asks, view.count[FRS_ASK]);
    frs_arena_free(arena);
    return view.state == FRS_LIVE ? 0 : 4;
}
