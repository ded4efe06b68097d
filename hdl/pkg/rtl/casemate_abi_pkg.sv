// SPDX-License-Identifier: Apache-2.0
// Generated from abi/casemate.rdl by abi/generate.py: do not edit; run `cargo xtask abi`.
// Not every user needs every constant.
/* verilator lint_off UNUSEDPARAM */
package casemate_abi_pkg;

  localparam logic [31:0] ABI_HASH = 32'h3b97b753;

  typedef enum logic [7:0] {
    OPCODE_NOP = 8'h00,
    OPCODE_GCM_SEAL = 8'h01,
    OPCODE_GCM_OPEN = 8'h02,
    OPCODE_KEY_LOAD = 8'h40,
    OPCODE_KEY_DESTROY = 8'h41,
    OPCODE_KEY_GENERATE = 8'h42,
    OPCODE_KEY_WRAP = 8'h43,
    OPCODE_KEY_UNWRAP = 8'h44,
    OPCODE_KWP_WRAP = 8'h45,
    OPCODE_KWP_UNWRAP = 8'h46,
    OPCODE_KEY_HKDF = 8'h47,
    OPCODE_KEY_KBKDF = 8'h48,
    OPCODE_KEY_QUERY = 8'h49,
    OPCODE_KEY_LOCK = 8'h4a,
    OPCODE_KEY_ROOT = 8'h4c,
    OPCODE_KEY_MESSAGE = 8'h4d,
    OPCODE_MAC_SIGN = 8'h50,
    OPCODE_MAC_VERIFY = 8'h51,
    OPCODE_RANDOM = 8'h52,
    OPCODE_EC_SIGN = 8'h60,
    OPCODE_EC_VERIFY = 8'h61,
    OPCODE_EC_PUBLIC = 8'h62,
    OPCODE_EC_CHECK = 8'h63,
    OPCODE_EC_GENERATE = 8'h64,
    OPCODE_EC_ECDH = 8'h65,
    OPCODE_EC_RAW = 8'h66
  } opcode_e;

  typedef enum logic [7:0] {
    STATUS_OK = 8'h00,
    STATUS_TAG_MISMATCH = 8'h01,
    STATUS_ABORTED = 8'h02,
    STATUS_BAD_SIGNATURE = 8'h03,
    STATUS_BAD_POINT = 8'h04,
    STATUS_BAD_OPCODE = 8'h10,
    STATUS_BAD_FLAGS = 8'h11,
    STATUS_BAD_TAG_LEN = 8'h12,
    STATUS_BAD_IV_LEN = 8'h13,
    STATUS_BAD_AAD_LEN = 8'h14,
    STATUS_BAD_KEY_TYPE = 8'h15,
    STATUS_BAD_SGL = 8'h16,
    STATUS_BAD_LENGTH = 8'h17,
    STATUS_BAD_HASH = 8'h18,
    STATUS_SLOT_RANGE = 8'h20,
    STATUS_SLOT_EMPTY = 8'h21,
    STATUS_SLOT_DOMAIN = 8'h22,
    STATUS_SLOT_GENERATION = 8'h23,
    STATUS_SLOT_USAGE = 8'h24,
    STATUS_SEALED = 8'h28,
    STATUS_NOT_OFFICER = 8'h25,
    STATUS_KEY_WINDOW = 8'h26,
    STATUS_SLOT_RETIRED = 8'h27,
    STATUS_SLOT_FULL = 8'h29,
    STATUS_EXHAUSTED = 8'h2a,
    STATUS_BAD_POLICY = 8'h2b,
    STATUS_BAD_BLOB = 8'h2c,
    STATUS_BAD_USAGE = 8'h2d,
    STATUS_BAD_SCALAR = 8'h2e,
    STATUS_DMA_IV = 8'h30,
    STATUS_DMA_AAD = 8'h31,
    STATUS_DMA_SRC_SGL = 8'h32,
    STATUS_DMA_SRC = 8'h33,
    STATUS_DMA_TAG = 8'h34,
    STATUS_DMA_DST_SGL = 8'h35,
    STATUS_DMA_DST = 8'h36,
    STATUS_NO_ENTROPY = 8'h40,
    STATUS_ZEROIZED = 8'h41,
    STATUS_EC_FAULT = 8'h42
  } status_e;

  typedef enum logic [7:0] {
    QUEUE_ERROR_NONE = 8'h00,
    QUEUE_ERROR_BAD_CONFIG = 8'h01,
    QUEUE_ERROR_BAD_DOORBELL = 8'h02,
    QUEUE_ERROR_SQ_FETCH = 8'h03,
    QUEUE_ERROR_CQ_WRITE = 8'h04
  } queue_error_e;

  typedef enum logic [7:0] {
    QUEUE_STATE_DISABLED = 8'h00,
    QUEUE_STATE_ENABLED = 8'h01,
    QUEUE_STATE_RESETTING = 8'h02,
    QUEUE_STATE_ERROR = 8'h03
  } queue_state_e;

  typedef enum logic [1:0] {
    TAG_MODE_APPENDED = 2'h00,
    TAG_MODE_ADDRESS = 2'h01,
    TAG_MODE_COMPLETION = 2'h02
  } tag_mode_e;

  typedef enum logic [7:0] {
    KEY_TYPE_AES_128 = 8'h01,
    KEY_TYPE_AES_192 = 8'h02,
    KEY_TYPE_AES_256 = 8'h03,
    KEY_TYPE_SECRET = 8'h04,
    KEY_TYPE_WRAPPING = 8'h05,
    KEY_TYPE_P256 = 8'h06,
    KEY_TYPE_P384 = 8'h07
  } key_type_e;

  typedef enum logic [7:0] {
    IV_POLICY_HOST = 8'h00,
    IV_POLICY_COUNTER = 8'h01,
    IV_POLICY_DERIVED = 8'h02
  } iv_policy_e;

  typedef enum logic [7:0] {
    ORIGIN_NONE = 8'h00,
    ORIGIN_IMPORTED = 8'h01,
    ORIGIN_GENERATED = 8'h02,
    ORIGIN_DERIVED = 8'h03,
    ORIGIN_UNWRAPPED = 8'h04,
    ORIGIN_FOREIGN = 8'h05
  } origin_e;

  typedef enum logic [7:0] {
    HASH_SHA_256 = 8'h01,
    HASH_SHA_384 = 8'h02,
    HASH_SHA_512 = 8'h03
  } hash_e;

  // Byte offsets in BAR 0; of arrays, the first element and the stride.
  localparam logic [19:0] REG_ID = 20'h00000;
  localparam logic [31:0] REG_ID_VALUE_RESET = 32'h544d5343;
  localparam logic [19:0] REG_VERSION = 20'h00004;
  localparam int unsigned REG_VERSION_PATCH_LSB = 0;
  localparam int unsigned REG_VERSION_PATCH_WIDTH = 8;
  localparam logic [7:0] REG_VERSION_PATCH_RESET = 8'h0;
  localparam int unsigned REG_VERSION_MINOR_LSB = 8;
  localparam int unsigned REG_VERSION_MINOR_WIDTH = 8;
  localparam logic [7:0] REG_VERSION_MINOR_RESET = 8'h1;
  localparam int unsigned REG_VERSION_MAJOR_LSB = 16;
  localparam int unsigned REG_VERSION_MAJOR_WIDTH = 8;
  localparam logic [7:0] REG_VERSION_MAJOR_RESET = 8'h0;
  localparam logic [19:0] REG_CAP0 = 20'h00008;
  localparam int unsigned REG_CAP0_QUEUES_LSB = 0;
  localparam int unsigned REG_CAP0_QUEUES_WIDTH = 8;
  localparam int unsigned REG_CAP0_LANES_LSB = 8;
  localparam int unsigned REG_CAP0_LANES_WIDTH = 8;
  localparam int unsigned REG_CAP0_SLOTS_LSB = 16;
  localparam int unsigned REG_CAP0_SLOTS_WIDTH = 16;
  localparam logic [19:0] REG_CAP1 = 20'h0000c;
  localparam int unsigned REG_CAP1_AXI_BYTES_LSB = 0;
  localparam int unsigned REG_CAP1_AXI_BYTES_WIDTH = 8;
  localparam int unsigned REG_CAP1_RD_TAGS_LSB = 8;
  localparam int unsigned REG_CAP1_RD_TAGS_WIDTH = 8;
  localparam int unsigned REG_CAP1_BURST_BYTES_LSB = 16;
  localparam int unsigned REG_CAP1_BURST_BYTES_WIDTH = 16;
  localparam logic [19:0] REG_CAP2 = 20'h00010;
  localparam int unsigned REG_CAP2_DEPTH_LOG2_MAX_LSB = 0;
  localparam int unsigned REG_CAP2_DEPTH_LOG2_MAX_WIDTH = 8;
  localparam int unsigned REG_CAP2_IV_MAX_LSB = 8;
  localparam int unsigned REG_CAP2_IV_MAX_WIDTH = 10;
  localparam int unsigned REG_CAP2_AAD_INLINE_MAX_LSB = 18;
  localparam int unsigned REG_CAP2_AAD_INLINE_MAX_WIDTH = 5;
  localparam int unsigned REG_CAP2_SBOX_LSB = 24;
  localparam int unsigned REG_CAP2_SBOX_WIDTH = 2;
  localparam int unsigned REG_CAP2_EC_ENGINES_LSB = 26;
  localparam int unsigned REG_CAP2_EC_ENGINES_WIDTH = 4;
  localparam logic [19:0] REG_ABI_HASH = 20'h00014;
  localparam logic [19:0] REG_STATUS = 20'h00020;
  localparam int unsigned REG_STATUS_READY_LSB = 0;
  localparam int unsigned REG_STATUS_READY_WIDTH = 1;
  localparam int unsigned REG_STATUS_TAMPER_LSB = 1;
  localparam int unsigned REG_STATUS_TAMPER_WIDTH = 1;
  localparam int unsigned REG_STATUS_QUEUE_ERROR_LSB = 2;
  localparam int unsigned REG_STATUS_QUEUE_ERROR_WIDTH = 1;
  localparam int unsigned REG_STATUS_BUSY_LSB = 3;
  localparam int unsigned REG_STATUS_BUSY_WIDTH = 1;
  localparam int unsigned REG_STATUS_SEALED_LSB = 4;
  localparam int unsigned REG_STATUS_SEALED_WIDTH = 1;
  localparam int unsigned REG_STATUS_ZEROIZED_LSB = 5;
  localparam int unsigned REG_STATUS_ZEROIZED_WIDTH = 1;
  localparam int unsigned REG_STATUS_SELFTEST_DONE_LSB = 6;
  localparam int unsigned REG_STATUS_SELFTEST_DONE_WIDTH = 1;
  localparam int unsigned REG_STATUS_SELFTEST_FAILED_LSB = 7;
  localparam int unsigned REG_STATUS_SELFTEST_FAILED_WIDTH = 1;
  localparam int unsigned REG_STATUS_ENTROPY_ERROR_LSB = 8;
  localparam int unsigned REG_STATUS_ENTROPY_ERROR_WIDTH = 1;
  localparam logic [19:0] REG_CONTROL = 20'h00024;
  localparam int unsigned REG_CONTROL_CLEAR_COUNTERS_LSB = 0;
  localparam int unsigned REG_CONTROL_CLEAR_COUNTERS_WIDTH = 1;
  localparam int unsigned REG_CONTROL_SEAL_LSB = 1;
  localparam int unsigned REG_CONTROL_SEAL_WIDTH = 1;
  localparam int unsigned REG_CONTROL_ZEROIZE_LSB = 2;
  localparam int unsigned REG_CONTROL_ZEROIZE_WIDTH = 1;
  localparam logic [19:0] REG_CYCLES_LO = 20'h00100;
  localparam logic [19:0] REG_CYCLES_HI = 20'h00104;
  localparam logic [19:0] REG_REQS_IN_LO = 20'h00108;
  localparam logic [19:0] REG_REQS_IN_HI = 20'h0010c;
  localparam logic [19:0] REG_REQS_OUT_LO = 20'h00110;
  localparam logic [19:0] REG_REQS_OUT_HI = 20'h00114;
  localparam logic [19:0] REG_REQS_ERR_LO = 20'h00118;
  localparam logic [19:0] REG_REQS_ERR_HI = 20'h0011c;
  localparam logic [19:0] REG_BYTES_IN_LO = 20'h00120;
  localparam logic [19:0] REG_BYTES_IN_HI = 20'h00124;
  localparam logic [19:0] REG_BYTES_OUT_LO = 20'h00128;
  localparam logic [19:0] REG_BYTES_OUT_HI = 20'h0012c;
  localparam logic [19:0] REG_LANE_BUSY_LO = 20'h00200;
  localparam logic [19:0] REG_LANE_BUSY_LO_STRIDE = 20'h00040;
  localparam logic [19:0] REG_LANE_BUSY_HI = 20'h00204;
  localparam logic [19:0] REG_LANE_BUSY_HI_STRIDE = 20'h00040;
  localparam logic [19:0] REG_LANE_STALL_IN_LO = 20'h00208;
  localparam logic [19:0] REG_LANE_STALL_IN_LO_STRIDE = 20'h00040;
  localparam logic [19:0] REG_LANE_STALL_IN_HI = 20'h0020c;
  localparam logic [19:0] REG_LANE_STALL_IN_HI_STRIDE = 20'h00040;
  localparam logic [19:0] REG_LANE_STALL_OUT_LO = 20'h00210;
  localparam logic [19:0] REG_LANE_STALL_OUT_LO_STRIDE = 20'h00040;
  localparam logic [19:0] REG_LANE_STALL_OUT_HI = 20'h00214;
  localparam logic [19:0] REG_LANE_STALL_OUT_HI_STRIDE = 20'h00040;
  localparam logic [19:0] REG_KEY_WINDOW = 20'h01000;
  localparam logic [19:0] REG_KEY_WINDOW_STRIDE = 20'h00004;
  localparam logic [19:0] REG_QUEUE_BIND = 20'h01400;
  localparam logic [19:0] REG_QUEUE_BIND_STRIDE = 20'h00004;
  localparam int unsigned REG_QUEUE_BIND_DOMAIN_LSB = 0;
  localparam int unsigned REG_QUEUE_BIND_DOMAIN_WIDTH = 8;
  localparam logic [7:0] REG_QUEUE_BIND_DOMAIN_RESET = 8'h0;
  localparam int unsigned REG_QUEUE_BIND_WEIGHT_LSB = 8;
  localparam int unsigned REG_QUEUE_BIND_WEIGHT_WIDTH = 4;
  localparam logic [3:0] REG_QUEUE_BIND_WEIGHT_RESET = 4'h4;
  localparam logic [19:0] REG_QUEUE_SQ_TAIL = 20'h10000;
  localparam logic [19:0] REG_QUEUE_SQ_TAIL_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_SQ_TAIL_VALUE_LSB = 0;
  localparam int unsigned REG_QUEUE_SQ_TAIL_VALUE_WIDTH = 16;
  localparam logic [15:0] REG_QUEUE_SQ_TAIL_VALUE_RESET = 16'h0;
  localparam logic [19:0] REG_QUEUE_CQ_HEAD = 20'h10004;
  localparam logic [19:0] REG_QUEUE_CQ_HEAD_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_CQ_HEAD_VALUE_LSB = 0;
  localparam int unsigned REG_QUEUE_CQ_HEAD_VALUE_WIDTH = 16;
  localparam logic [15:0] REG_QUEUE_CQ_HEAD_VALUE_RESET = 16'h0;
  localparam logic [19:0] REG_QUEUE_CTRL = 20'h10100;
  localparam logic [19:0] REG_QUEUE_CTRL_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_CTRL_ENABLE_LSB = 0;
  localparam int unsigned REG_QUEUE_CTRL_ENABLE_WIDTH = 1;
  localparam int unsigned REG_QUEUE_CTRL_RESET_LSB = 1;
  localparam int unsigned REG_QUEUE_CTRL_RESET_WIDTH = 1;
  localparam logic [19:0] REG_QUEUE_STATE = 20'h10104;
  localparam logic [19:0] REG_QUEUE_STATE_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_STATE_STATE_LSB = 0;
  localparam int unsigned REG_QUEUE_STATE_STATE_WIDTH = 8;
  localparam int unsigned REG_QUEUE_STATE_ERROR_LSB = 8;
  localparam int unsigned REG_QUEUE_STATE_ERROR_WIDTH = 8;
  localparam int unsigned REG_QUEUE_STATE_IN_FLIGHT_LSB = 16;
  localparam int unsigned REG_QUEUE_STATE_IN_FLIGHT_WIDTH = 16;
  localparam logic [19:0] REG_QUEUE_DEPTH = 20'h10108;
  localparam logic [19:0] REG_QUEUE_DEPTH_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_DEPTH_SQ_LOG2_LSB = 0;
  localparam int unsigned REG_QUEUE_DEPTH_SQ_LOG2_WIDTH = 4;
  localparam logic [3:0] REG_QUEUE_DEPTH_SQ_LOG2_RESET = 4'h0;
  localparam int unsigned REG_QUEUE_DEPTH_CQ_LOG2_LSB = 8;
  localparam int unsigned REG_QUEUE_DEPTH_CQ_LOG2_WIDTH = 4;
  localparam logic [3:0] REG_QUEUE_DEPTH_CQ_LOG2_RESET = 4'h0;
  localparam logic [19:0] REG_QUEUE_SQ_BASE_LO = 20'h10110;
  localparam logic [19:0] REG_QUEUE_SQ_BASE_LO_STRIDE = 20'h01000;
  localparam logic [31:0] REG_QUEUE_SQ_BASE_LO_VALUE_RESET = 32'h0;
  localparam logic [19:0] REG_QUEUE_SQ_BASE_HI = 20'h10114;
  localparam logic [19:0] REG_QUEUE_SQ_BASE_HI_STRIDE = 20'h01000;
  localparam logic [31:0] REG_QUEUE_SQ_BASE_HI_VALUE_RESET = 32'h0;
  localparam logic [19:0] REG_QUEUE_CQ_BASE_LO = 20'h10118;
  localparam logic [19:0] REG_QUEUE_CQ_BASE_LO_STRIDE = 20'h01000;
  localparam logic [31:0] REG_QUEUE_CQ_BASE_LO_VALUE_RESET = 32'h0;
  localparam logic [19:0] REG_QUEUE_CQ_BASE_HI = 20'h1011c;
  localparam logic [19:0] REG_QUEUE_CQ_BASE_HI_STRIDE = 20'h01000;
  localparam logic [31:0] REG_QUEUE_CQ_BASE_HI_VALUE_RESET = 32'h0;
  localparam logic [19:0] REG_QUEUE_IRQ_COALESCE = 20'h10120;
  localparam logic [19:0] REG_QUEUE_IRQ_COALESCE_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_IRQ_COALESCE_COUNT_LSB = 0;
  localparam int unsigned REG_QUEUE_IRQ_COALESCE_COUNT_WIDTH = 16;
  localparam logic [15:0] REG_QUEUE_IRQ_COALESCE_COUNT_RESET = 16'h1;
  localparam int unsigned REG_QUEUE_IRQ_COALESCE_TIME_LSB = 16;
  localparam int unsigned REG_QUEUE_IRQ_COALESCE_TIME_WIDTH = 16;
  localparam logic [15:0] REG_QUEUE_IRQ_COALESCE_TIME_RESET = 16'h0;
  localparam logic [19:0] REG_QUEUE_SQ_HEAD = 20'h10130;
  localparam logic [19:0] REG_QUEUE_SQ_HEAD_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_SQ_HEAD_VALUE_LSB = 0;
  localparam int unsigned REG_QUEUE_SQ_HEAD_VALUE_WIDTH = 16;
  localparam logic [19:0] REG_QUEUE_CQ_TAIL = 20'h10134;
  localparam logic [19:0] REG_QUEUE_CQ_TAIL_STRIDE = 20'h01000;
  localparam int unsigned REG_QUEUE_CQ_TAIL_VALUE_LSB = 0;
  localparam int unsigned REG_QUEUE_CQ_TAIL_VALUE_WIDTH = 16;
  localparam logic [19:0] REG_QUEUE_REQS = 20'h10140;
  localparam logic [19:0] REG_QUEUE_REQS_STRIDE = 20'h01000;
  localparam logic [19:0] REG_QUEUE_ERRORS = 20'h10144;
  localparam logic [19:0] REG_QUEUE_ERRORS_STRIDE = 20'h01000;

  // submission: word 0 in the low bits, as read from memory.
  typedef struct packed {
    logic [31:0] aad3;
    logic [31:0] aad2;
    logic [31:0] aad1;
    logic [31:0] aad0;
    logic [31:0] iv2;
    logic [31:0] iv1;
    logic [31:0] iv0;
    logic [31:0] aad_len;
    logic [31:0] dst_hi;
    logic [31:0] dst_lo;
    logic [31:0] src_hi;
    logic [31:0] src_lo;
    logic [31:0] pay_len;
    logic [31:0] cookie;
    logic [15:0] generation;
    logic [15:0] slot;
    logic [9:0] iv_len;
    logic reserved1;
    logic [4:0] tag_len;
    logic [2:0] reserved0;
    logic [1:0] tag_mode;
    logic aad_inline;
    logic dst_sgl;
    logic src_sgl;
    logic [7:0] opcode;
  } submission_t;

  // completion: word 0 in the low bits, as read from memory.
  typedef struct packed {
    logic phase;
    logic [22:0] reserved1;
    logic [7:0] status;
    logic [7:0] reserved0;
    logic [7:0] queue_id;
    logic [15:0] sq_head;
    logic [31:0] bytes;
    logic [31:0] cookie;
    logic [31:0] result3;
    logic [31:0] result2;
    logic [31:0] result1;
    logic [31:0] result0;
  } completion_t;

  // sg_element: word 0 in the low bits, as read from memory.
  typedef struct packed {
    logic [31:0] reserved0;
    logic [31:0] len;
    logic [31:0] addr_hi;
    logic [31:0] addr_lo;
  } sg_element_t;

  // key_attributes: word 0 in the low bits, as read from memory.
  typedef struct packed {
    logic [31:0] reserved2;
    logic [31:0] label2;
    logic [31:0] label1;
    logic [31:0] label0;
    logic [31:0] used;
    logic [31:0] limit;
    logic reserved1;
    logic [6:0] key_len;
    logic valid;
    logic [2:0] origin;
    logic [1:0] reserved0;
    logic [1:0] iv_policy;
    logic [15:0] generation;
    logic [15:0] usage_bits;
    logic [7:0] domain;
    logic [7:0] key_type;
  } key_attributes_t;

  localparam int unsigned USAGE_ENCRYPT = 0;
  localparam int unsigned USAGE_DECRYPT = 1;
  localparam int unsigned USAGE_SIGN = 2;
  localparam int unsigned USAGE_VERIFY = 3;
  localparam int unsigned USAGE_DERIVE = 4;
  localparam int unsigned USAGE_WRAP = 5;
  localparam int unsigned USAGE_UNWRAP = 6;
  localparam int unsigned USAGE_EXPORT_WRAPPED = 7;
  localparam int unsigned USAGE_KWP = 8;
  localparam int unsigned USAGE_RAW = 9;
  localparam int unsigned USAGE_DETERMINISTIC = 10;
  localparam int unsigned EC_OPTIONS_BLIND = 0;
  localparam int unsigned EC_OPTIONS_VERIFY = 1;

endpackage
/* verilator lint_on UNUSEDPARAM */
