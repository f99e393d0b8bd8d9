/* Splits received bytes into a server's WebSocket frames (RFC 6455, section 5.2).
 *
 * It judges only what it must know to find the next frame and leaves everything else to a full implementation: so it is
 * strict about what it accepts and says nothing about why. Payloads are not touched. Rejected: keeping state between
 * calls (the caller's buffer is the state) and unmasking (servers do not mask).
 */
#include "internal.h"

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    CONTROL = 0x08,
    MASKED = 0x80,
    SHORT_MOST = 125,
    TEXT = 1,
    BINARY = 2
};

typedef struct {
    uint64_t payload;
    uint32_t header; /* bytes; 0: not all there */
} frame_head;

static uint64_t big_endian(const uint8_t *p, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

static bool plain_first_byte(uint8_t first) {
    uint8_t opcode = first & OPCODE;
    if ((first & RESERVED) || (opcode > 2 && opcode < 8) || opcode > 10)
        return false;
    return (first & FIN) || !(opcode & CONTROL);
}

/* Reads the header at p as far as it is there. Returns 0, FRS_E_FRAME or FRS_E_SIZE. */
static int read_head(const uint8_t *p, size_t size, uint64_t max_payload, frame_head *head) {
    if (size > 0 && !plain_first_byte(p[0]))
        return FRS_E_FRAME;
    if (size < 2)
        return 0;
    uint8_t length = p[1];
    if ((length & MASKED) || ((p[0] & CONTROL) && length > SHORT_MOST))
        return FRS_E_FRAME;
    uint32_t extra = length <= SHORT_MOST ? 0 : length == SHORT_MOST + 1 ? 2 : 8;
    if (size < 2 + extra)
        return 0;
    uint64_t payload = extra ? big_endian(p + 2, extra) : length;
    if (extra && payload <= (extra == 2 ? SHORT_MOST : UINT16_MAX))
        return FRS_E_FRAME; /* not the shortest form, which the RFC demands */
    if (payload > max_payload)
        return FRS_E_SIZE;
    *head = (frame_head){payload, 2 + extra};
    return 0;
}

int frs_frames_split(const uint8_t *buf, size_t size, size_t max_payload, uint32_t *out, size_t frames,
                     size_t *progress) {
    const size_t most = UINT32_MAX - 16; /* offsets are uint32 */
    size = size < most ? size : most;
    max_payload = max_payload < most ? max_payload : most;
    frames = frames < INT32_MAX ? frames : INT32_MAX;
    size_t at = 0, count = 0, next = 0, whole = 0, payload = 0;
    while (count < frames) {
        frame_head head = {0, 0};
        int error = at < size ? read_head(buf + at, size - at, max_payload, &head) : 0;
        if (error && count == 0)
            return error;
        if (error || at == size || head.header == 0)
            break;
        if (head.payload > size - at - head.header) {
            next = head.header + (size_t)head.payload;
            break;
        }
        out[0] = buf[at];
        out[1] = (uint32_t)at;
        out[2] = (uint32_t)at + head.header;
        out[3] = (uint32_t)head.payload;
        whole += whole == count && (out[0] == (FIN | TEXT) || out[0] == (FIN | BINARY));
        payload += (size_t)head.payload;
        out += FRS_FRAME_WORDS;
        at += head.header + (size_t)head.payload;
        count++;
    }
    progress[0] = at;
    progress[1] = next;
    progress[2] = whole;
    progress[3] = payload;
    return (int)count;
}
