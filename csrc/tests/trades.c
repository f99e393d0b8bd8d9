/* Lanes of trades for the tests and the fuzz target. */
#include "trades.h"

#include <string.h>

const trade_kind trade_kinds[TRADE_KINDS] = {
    {.template = "{\"e\":\"trade\",\"E\":<>,\"s\":\"<symbol>\",\"t\":<id>,\"p\":\"<price>\",\"q\":\"<quantity>\","
                 "\"T\":<time>,\"m\":<true|false>}",
     .frame = "{\"e\":\"trade\",\"E\":17,\"s\":\"BTC\",\"t\":3735693015,\"p\":\"61685.99000000\",\"q\":\"0.00140000\","
              "\"T\":1700000000123,\"m\":true}",
     .time = 1700000000123000000,
     .continuity = FRS_CHAINED},
    {.template = "{\"topic\":\"trade.<symbol>\",\"data\":[{\"T\":<time>,\"s\":\"<symbol>\",\"S\":\"<Buy|Sell>\","
                 "\"v\":\"<quantity>\",\"p\":\"<price>\",\"i\":\"<id>\",\"BT\":<true|false>}]}",
     .frame = "{\"topic\":\"trade.BTC\",\"data\":[{\"T\":1700000000123,\"s\":\"BTC\",\"S\":\"Sell\",\"v\":\"0.001\","
              "\"p\":\"16578.50\",\"i\":\"20f43950-d8dd, }]\",\"BT\":false}]}",
     .time = 1700000000123000000,
     .continuity = FRS_COUNTED},
    {.template = "{\"type\":\"<update|snapshot>\",\"data\":[{\"symbol\":\"<symbol>\",\"side\":\"<buy|sell>\","
                 "\"price\":<price>,\"qty\":<quantity>,\"trade_id\":<id>,\"timestamp\":\"<moment>\"}]}",
     .frame = "{\"type\":\"update\",\"data\":[{\"symbol\":\"BTC\",\"side\":\"sell\",\"price\":61685.9,\"qty\":"
              "1.5e-7,\"trade_id\":0,\"timestamp\":\"2023-11-14T22:13:20.123456Z\"}]}",
     .time = 1700000000123456000,
     .continuity = FRS_UNNUMBERED},
    {.template = "{\"sequence_num\":<number>,\"trades\":[{\"product_id\":\"<symbol>\",\"price\":\"<price>\","
                 "\"size\":\"<quantity>\",\"side\":\"<BUY|SELL>\"}]}",
     .frame = "{\"sequence_num\":4,\"trades\":[{\"product_id\":\"BTC\",\"price\":\"7\",\"size\":\"0.5\",\"side\":"
              "\"BUY\"}]}",
     .continuity = FRS_CONNECTION},
};

bool trade_desk_open(trade_desk *desk, const trade_kind *kind) {
    *desk = (trade_desk){frs_lane_new(NULL, kind->continuity, 1000000, 0, 0, 2), frs_tape_new(4, 2000)};
    if (!desk->lane || !desk->tape)
        return false;
    frs_lane_count(desk->lane, 3);
    return frs_lane_template(desk->lane, kind->template, strlen(kind->template)) == 0 &&
           frs_lane_add(desk->lane, "BTC", 3, 2, 3) == 0 && frs_lane_add(desk->lane, "ETH", 3, 2, 3) == 1 &&
           frs_lane_keep(desk->lane, 0, desk->tape) == 0;
}

void trade_desk_close(trade_desk *desk) {
    frs_lane_free(desk->lane);
    frs_tape_free(desk->tape);
}
