/* The words for the error codes.
 *
 * One switch: a table indexed by -code would need a bound check and silently shift when a code is added.
 */
#include "flowrs.h"

const char *frs_error_text(int code) {
    switch (code) {
    case FRS_E_SYNTAX:
        return "malformed text";
    case FRS_E_PRECISION:
        return "more decimals than the scale holds";
    case FRS_E_RANGE:
        return "number out of range";
    case FRS_E_FULL:
        return "no room";
    case FRS_E_ARGUMENT:
        return "argument out of range";
    case FRS_E_FRAME:
        return "not a plain unmasked WebSocket frame";
    case FRS_E_SIZE:
        return "frame larger than the limit";
    case FRS_E_SYSTEM:
        return "refused by the operating system";
    case FRS_E_LEFT:
        return "left to another reader";
    default:
        return code >= 0 ? "success" : "unknown error";
    }
}
