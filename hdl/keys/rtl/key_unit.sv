// SPDX-License-Identifier: Apache-2.0
//
// Serves the key operations of abi/README.md, one at a time, in the order in which the guard hands them over: they wait in a FIFO, so
// that a long one stalls no request to a lane. In turn with those come the second halves of EC_GENERATE and EC_ECDH, from the EC unit. At its turn each is decided by key_guard, from its slots as they are then; only this
// unit changes them.
//
// An operation is a row of steps, of which it skips those that it does not need:
//   LOOK      public halves of slot and second slot; the decision
//   SECRET    what an engine for elliptic curves made, to made or base
//   WINDOW    the key window, to made
//   READ      its buffer from memory: to side, what follows the salt to info
//   RANDOM    blocks from the generator
//   HEAD      a key's attributes, to side
//   KEYS      material of the slots, to base and made
//   WORK      key_mac or key_wrap
//   WRITE     side to memory
//   CUT, PUT  the slot, and the lanes' copies of it; before a KEY_WRAP the wrapping key's count
//   FINISH    everything is zero before the completion is offered
//
// Wipe: from wipe_i on an operation, at its turn or in the middle, ends with ZEROIZED; wiped_o says that nothing is left of any key,
// nor of what was made of one.
//
// Material is in base and made of key_data and in the engines; its ways out are the slots, and, only as what key_wrap made of it, side. What
// WRITE sends is side: a wrapped key, a MAC, random bytes, a nonce, public attributes.
module key_unit
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
  import slots_pkg::*;
  import key_mac_pkg::*;
  import wrap_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned QUEUES = 8,
  parameter  int unsigned LANES  = 1,
  parameter  int unsigned DEPTH  = 64,          // operations that wait
  parameter  sbox_e       SBOX   = SBOX_TABLE,
  parameter  int unsigned EC     = 1,           // engines for elliptic curves; 0: none
  localparam int unsigned EC_SOME = EC == 0 ? 1 : EC,
  parameter  bit          CLOCK_GATES = 1'b0,   // see clock_gate
  localparam int unsigned BYTES  = DW / 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,        // zeroize: stays until reset
  output logic                  wiped_o,
  // Self-tests of the engines: HMAC, key wrap. Started by a signal that stays; never started, they are not waited for.
  input  logic                  test_start_i,
  output logic [1:0]            test_done_o,
  output logic [1:0]            test_ok_o,
  input  logic                  test_fault_i,
  // From the guard: operations, and its look at the slots.
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  key_req_t              req_i,
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  output logic [31:0]           look_used_o,
  input  logic                  look_busy_i,
  input  logic                  count_i,
  // Device.
  input  logic [QUEUES-1:0]     resetting_i,
  input  logic                  sealed_i,
  // The key window: a word, two cycles after its number; nothing is written to it while hold.
  output logic                  window_hold_o,
  output logic [2:0]            window_at_o,
  input  logic [63:0]           window_i,
  input  logic [15:0]           window_words_i,
  output logic                  window_clear_o,
  input  logic [255:0]          root_i,
  // Random blocks of four words: a request for so many; all of them are taken.
  output logic                  rnd_ask_o,
  input  logic                  rnd_ready_i,
  output logic [7:0]            rnd_blocks_o,
  input  logic                  rnd_valid_i,
  output logic                  rnd_take_o,
  input  logic [63:0]           rnd_i,
  input  logic                  rnd_error_i,   // final
  // Engines for elliptic curves: their way to the slots; EC_GENERATE and EC_ECDH with what the engine made, as slots keep it: a word in the
  // cycle of its number.
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [EC_SOME-1:0]    ec_held_i,
  input  logic [15:0]           ec_held_slot_i[EC_SOME],
  input  logic                  ec_valid_i,
  output logic                  ec_ready_o,    // answered
  input  key_req_t              ec_i,
  output logic [2:0]            secret_at_o,
  input  logic [63:0]           secret_i,
  // Lanes: requests given and answered; their copies of keys.
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i,
  // Memory.
  output logic                  ar_valid_o,
  input  logic                  ar_ready_i,
  output axi_ar_t               ar_o,
  input  logic                  r_valid_i,
  input  logic [DW-1:0]         r_data_i,
  input  logic                  r_err_i,
  input  logic                  r_last_i,
  output logic                  aw_valid_o,
  input  logic                  aw_ready_i,
  output axi_aw_t               aw_o,
  output logic                  w_valid_o,
  input  logic                  w_ready_i,
  output logic [DW-1:0]         w_data_o,
  output logic [BYTES-1:0]      w_strb_o,
  input  logic                  b_valid_i,
  input  logic                  b_err_i,
  output logic                  cpl_valid_o,
  input  logic                  cpl_ready_i,
  output cpl_t                  cpl_o
);
  localparam logic [4:0] BATCH = 5'd16;  // random blocks a request: the generator's update after each costs two blocks' time

  typedef enum logic [3:0] {
    IDLE, LOOK, DECIDE, SECRET, WINDOW, READ, ASK_RANDOM, RANDOM, HEAD, KEYS, WORK, WRITE, CUT, PUT, FINISH, DONE
  } state_e;
  localparam int unsigned STATES = 16;
  typedef logic [STATES-1:0] states_t;
  states_t    in_q;                // one bit a state, by state_e
  typedef struct packed {
    logic    go;
    states_t to;
    logic    says;
    status_e status;
  } move_t;
  move_t      move, move_q;        // the state ends, and where it leads to; a cycle later
  logic       begin_q;             // first cycle of a state
  logic       due_q;               // last cycle of a state of fixed length
  logic       later_q, third_q;    // from its second cycle on, a cycle late; from its third
  logic       abort_q, halts_q, running;
  status_e    abort_status_q;
  logic [4:0] step_q;              // cycles in a state, of those with a grant
  key_req_t   next, taken, req;    // the first that waits; the operation
  logic       next_valid, req_pop, ec_q, ec_turn, begins;   // ec_q: the operation is the EC unit's

  // All but the slots stands still while no operation waits: from some cycles after the last, when the engines have come to rest.
  logic       clk, work, data_clean;
  logic [4:0] rest_q;
  assign work = !rst_ni || wipe_i || (test_start_i && test_done_o != '1) || req_valid_i || next_valid || ec_valid_i || !in_q[IDLE] || !data_clean;
  clock_gate #(.ON(CLOCK_GATES)) u_clock (.clk_i, .on_i(work || rest_q != '0), .clk_o(clk));
  always_ff @(posedge clk) rest_q <= work ? '1 : rest_q - 5'(rest_q != '0);

  fifo #(.WIDTH($bits(key_req_t)), .DEPTH(DEPTH)) u_wait (
    .clk_i(clk), .rst_ni,
    .in_valid_i(req_valid_i), .in_ready_o(req_ready_o), .in_i(req_i),
    .out_valid_o(next_valid), .out_ready_i(req_pop), .out_o(next)
  );
  // A cycle late: the next is looked at in IDLE.
  always_ff @(posedge clk) req_pop <= rst_ni && cpl_valid_o && cpl_ready_i && !ec_q;
  assign ec_ready_o = cpl_valid_o && cpl_ready_i && ec_q;
  // After one of the one kind one of the other, if there is any. What is chosen when IDLE ends stays. Two registers: the first is the
  // memory's.
  assign ec_turn = ec_valid_i && (!ec_q || !next_valid);
  assign begins  = (next_valid || ec_valid_i) && data_clean;
  always_ff @(posedge clk) begin
    if (in_q[IDLE] && !move_q.go) begin
      taken <= ec_turn ? ec_i : next;
      if (begins) ec_q <= ec_turn;
    end
    req <= taken;
    if (!rst_ni) ec_q <= 1'b0;
  end

  submission_t sub;
  /* verilator lint_off UNUSEDSIGNAL */  // some of it is for the checks
  op_t         op;
  /* verilator lint_on UNUSEDSIGNAL */
  slot_meta_t  base_q;              // of the second slot
  logic        officer, resetting_q, is_mac, is_verify, is_derive, is_wrap, is_out, is_random, is_message, is_root, is_load, is_query;
  logic        is_unwrap, is_kwp_out, is_hkdf, is_generate, is_ecdh, counts, to_memory;
  logic [31:0] read_len;
  // Who hands one over knows its opcode: those of keys are 40 to 7f.
  always_comb begin
    sub             = req.sub;
    sub.opcode[7:6] = 2'b01;
  end
  // Of the descriptor, a cycle later.
  localparam ops_t OPS = ops(EC != 0);
  always_ff @(posedge clk) begin
    op          <= OPS[{sub.aad3[0], sub.opcode[5:0]}];
    officer     <= req.queue_idx == '0;
    is_verify   <= sub.opcode == OPCODE_MAC_VERIFY;
    is_mac      <= sub.opcode inside {OPCODE_MAC_SIGN, OPCODE_MAC_VERIFY};
    is_message  <= sub.opcode == OPCODE_KEY_MESSAGE;
    is_derive   <= sub.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_KEY_MESSAGE};
    is_wrap     <= sub.opcode inside {OPCODE_KEY_WRAP, OPCODE_KEY_UNWRAP, OPCODE_KWP_WRAP, OPCODE_KWP_UNWRAP};
    is_out      <= sub.opcode inside {OPCODE_KEY_WRAP, OPCODE_KWP_WRAP};
    is_kwp_out  <= sub.opcode == OPCODE_KWP_WRAP;
    is_unwrap   <= sub.opcode == OPCODE_KEY_UNWRAP;
    is_random   <= sub.opcode == OPCODE_RANDOM;
    is_generate <= sub.opcode == OPCODE_KEY_GENERATE;
    is_root     <= sub.opcode == OPCODE_KEY_ROOT;
    is_load     <= sub.opcode == OPCODE_KEY_LOAD;
    is_query    <= sub.opcode == OPCODE_KEY_QUERY;
    is_hkdf     <= sub.opcode inside {OPCODE_KEY_HKDF, OPCODE_EC_ECDH};
    is_ecdh     <= sub.opcode == OPCODE_EC_ECDH;
    // The EC unit has read the point.
    read_len    <= sub.pay_len - (is_ecdh ? {24'd0, base_q.key_len, 1'b0} : '0);
    counts      <= sub.opcode == OPCODE_KEY_WRAP;
    to_memory   <= sub.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_EC_ECDH};
  end

  // ------------------------------------------------------------- decision
  slot_meta_t  read_meta, meta_q, made_meta, made_meta_q;
  logic [31:0] read_used, used_q, base_used_q, counted_q;
  logic [1:0]  look_q;               // they come: the slot's, the second's
  status_e     verdict, verdict_q, verdict_d, final_q, status_q;
  key_guard #(.SLOTS(SLOTS), .EC(EC != 0)) u_guard (
    .clk_i(clk),
    .sub_i(sub), .officer_i(officer), .domain_i(req.domain), .sealed_i, .window_i(window_words_i),
    .meta_i(meta_q), .used_i(used_q), .base_i(base_q), .base_used_i(base_used_q), .status_o(verdict), .made_o(made_meta)
  );

  // The last to decide, and where it leads to.
  logic refused_q, good_q, some_q, to_read_q, to_keys_q;
  always_comb begin
    verdict_d = verdict_q;
    if (refused_q) verdict_d = req.status;
    if (resetting_q) verdict_d = STATUS_ABORTED;
    if (wipe_i) verdict_d = STATUS_ZEROIZED;
  end
  always_ff @(posedge clk) begin
    refused_q <= req.status != STATUS_OK;
    verdict_q <= verdict;
    final_q   <= verdict_d;
    good_q    <= verdict_d == STATUS_OK;
    some_q    <= read_len != '0;
    to_read_q <= is_verify || (op.reads && !is_mac && some_q);
    to_keys_q <= is_wrap || is_mac || is_derive;
  end
  // The officer's load uses the window up, whatever becomes of it.
  always_ff @(posedge clk_i) begin
    window_clear_o <= rst_ni && ((in_q[DECIDE] && begin_q && is_load && officer && !good_q && final_q != STATUS_ABORTED)
                                 || (in_q[WINDOW] && due_q));
    window_hold_o  <= rst_ni && in_q[WINDOW];
  end

  // ------------------------------------------------------------------ data
  // Sources of words, and who reads them.
  typedef enum logic [2:0] {FROM_MEMORY, FROM_META, FROM_RANDOM, FROM_SLOTS, FROM_WINDOW, FROM_MAC, FROM_WRAP, FROM_EC} source_e;
  typedef enum logic [1:0] {TO_MAC, TO_WRAP, TO_SLOTS, TO_MEMORY} user_e;
  localparam int unsigned SOURCES = 8;
  localparam int unsigned USERS   = 4;
  put_t        put[SOURCES];
  logic [5:0]  get_at[USERS];
  logic [63:0] word;
  logic        wipe_now;
  key_data #(.SOURCES(SOURCES), .USERS(USERS)) u_data (
    .clk_i(clk), .rst_ni, .wipe_i(wipe_now), .zero_i(in_q[FINISH]), .clean_o(data_clean),
    .put_i(put), .get_at_i(get_at), .word_o(word)
  );

  logic [2:0] window_at_q;
  logic [1:0] window_some_q;
  logic [2:0] window_to_q;
  assign window_at_o = window_at_q;
  always_ff @(posedge clk) begin
    window_at_q   <= in_q[WINDOW] ? window_at_q + 3'(step_q >= 5'd1) : '0;
    window_some_q <= {window_some_q[0], in_q[WINDOW] && step_q >= 5'd1 && step_q <= 5'd8};
    window_to_q   <= window_some_q[1] ? window_to_q + 3'd1 : '0;
  end
  assign put[FROM_WINDOW] = window_some_q[1] ? '{be: '1, at: MADE_AT | 6'(window_to_q), word: window_i} : '0;

  put_t secret_put_q;
  assign secret_at_o  = step_q[2:0];
  assign put[FROM_EC] = secret_put_q;
  always_ff @(posedge clk) begin
    secret_put_q <= in_q[SECRET] && step_q < 5'd8 ? '{be: '1, at: (is_ecdh ? BASE_AT : MADE_AT) | 6'(step_q[2:0]), word: secret_i} : '0;
  end

  // ---------------------------------------------------------------- slots
  logic           put_done, put_ask, put_some_q, fetch, slots_wiped, reads, waits;
  logic           grant, came;
  logic [63:0]    came_word;
  logic [63:0]    put_word_q;
  slot_op_e       put_op;
  logic [15:0]    read_slot_q, put_slot_q;
  logic [31:0]    put_used_q;
  logic [3:0]     came_q;             // words of material
  logic           takes_slot_q;       // that of the slot first
  // In LOOK the slots' public halves, in KEYS their material: a slot's number, later what it has.
  assign reads = in_q[LOOK] || in_q[KEYS];
  assign waits = reads && !grant;
  always_ff @(posedge clk) begin
    put_op      <= counts ? SLOT_COUNT : op.fills ? SLOT_FILL : sub.opcode == OPCODE_KEY_LOCK ? SLOT_RIGHTS : SLOT_EMPTY;
    read_slot_q <= in_q[LOOK] ? (step_q == '0 ? sub.slot : sub.aad2[15:0])
                 : ((begin_q || !third_q) && takes_slot_q) ? sub.slot : sub.aad2[15:0];
    takes_slot_q <= is_out || is_mac;
    counted_q   <= base_used_q + 32'd1;
    put_slot_q  <= counts ? sub.aad2[15:0] : sub.slot;
    put_used_q  <= counts ? counted_q : used_q;
    fetch       <= in_q[KEYS] && (step_q == 5'd1 || (step_q == 5'd9 && is_out));
    came_q      <= in_q[KEYS] ? came_q + 4'(came) : '0;
  end
  always_comb begin
    put[FROM_SLOTS] = '0;
    if (came) put[FROM_SLOTS] = '{be: '1, at: (is_out && !came_q[3] ? MADE_AT : BASE_AT) | 6'(came_q[2:0]), word: '0};
    put[FROM_SLOTS].word = came_word;
  end
  slots #(.SLOTS(SLOTS), .LANES(LANES), .EC(EC_SOME)) u_slots (
    .clk_i, .rst_ni, .wipe_i, .wiped_o(slots_wiped),
    .look_slot_i, .look_meta_o, .look_used_o, .look_busy_i, .count_i,
    .read_ask_i(reads), .read_grant_o(grant), .read_slot_i(read_slot_q), .read_meta_o(read_meta), .read_used_o(read_used),
    .read_fetch_i(fetch), .read_valid_o(came), .read_word_o(came_word), .ec_ask_i, .ec_answer_o, .ec_held_i, .ec_held_slot_i,
    .put_valid_i(in_q[PUT] && !move_q.go), .put_op_i(put_op), .put_slot_i(put_slot_q), .put_meta_i(made_meta_q),
    .put_used_i(put_used_q),
    .put_ask_o(put_ask), .put_word_valid_i(put_some_q), .put_word_i(put_word_q), .done_o(put_done),
    .lane_given_i, .lane_answered_i, .key_valid_o, .key_ready_i, .key_clear_o, .key_slot_o, .key_size_o, .key_o, .key_done_i
  );
  // made, on its way to its slot: what is past the key's length becomes zero.
  logic [3:0] put_left_q;
  logic [2:0] put_at_q, put_to_q;
  logic [2:0] put_way_q;
  logic [7:0] put_keep_q;
  assign get_at[TO_SLOTS] = put_left_q != '0 ? MADE_AT | 6'(put_at_q) : '0;
  always_ff @(posedge clk) begin
    if (put_ask) put_left_q <= 4'd8;
    else if (put_left_q != '0) put_left_q <= put_left_q - 4'd1;
    put_at_q   <= put_left_q != '0 ? put_at_q + 3'd1 : '0;
    put_way_q  <= {put_way_q[1:0], put_left_q != '0};
    put_to_q   <= put_way_q[1] ? put_to_q + 3'd1 : '0;
    for (int b = 0; b < 8; b++) put_keep_q[b] <= {1'b0, put_to_q, 3'(b)} < made_meta_q.key_len;
    put_some_q <= put_way_q[2];
    for (int b = 0; b < 8; b++) put_word_q[8*b+:8] <= word[8*b+:8] & {8{put_way_q[2] && put_keep_q[b]}};
    if (!rst_ni || !in_q[PUT]) begin
      put_left_q <= '0;
      put_way_q  <= '0;
      put_some_q <= 1'b0;
      put_word_q <= '0;
    end
  end

  // A wipe's first cycle: then key_data is swept, and the engines sweep their own.
  logic       wiping_q;
  logic [6:0] settle_q;
  assign wipe_now = wipe_i && !wiping_q;

  // --------------------------------------------------------------- memory
  logic [6:0]    moved_q;            // bytes that went into side
  logic [7:0]    feed_q;             // still to go out
  logic          feed_some_q, feed_last_q;   // something is; one byte
  logic          out_some_q;         // of it there is a byte
  logic [63:0]   out_word_q;         // its lowest byte is next
  logic          started_q, tag_bad_q;
  logic [51:0]   page_q;
  logic          rd_failed_q, wr_failed_q;
  logic          rd_start, rd_idle, rd_over, rd_err, rd_valid, rd_ready, rd_last, stop;
  logic          wr_start, wr_idle, wr_err, wr_valid, wr_ready;
  logic [63:0]   rd_data, rd_addr;
  logic [31:0]   rd_bytes, wr_bytes;
  logic [3:0]    rd_count;
  logic [51:0]   rd_page, wr_page;
  logic          rd_tag;             // the MAC to compare with
  assign rd_tag   = is_verify && in_q[READ];
  logic [63:0] src_q;
  always_ff @(posedge clk) src_q <= {sub.src_hi, sub.src_lo} + (is_ecdh ? {56'd0, base_q.key_len, 1'b0} : '0);
  assign rd_addr  = rd_tag ? {sub.dst_hi, sub.dst_lo} : src_q;
  assign rd_bytes = rd_tag ? 32'(sub.aad3[6:0]) : read_len;
  assign wr_bytes = is_mac ? 32'(sub.aad3[6:0]) : sub.pay_len;
  key_read #(.DW(DW)) u_read (
    .clk_i(clk), .rst_ni, .wipe_i,
    .start_i(rd_start), .addr_i(rd_addr), .bytes_i(rd_bytes), .single_i(in_q[READ]), .stop_i(stop),
    .idle_o(rd_idle), .err_o(rd_err), .page_o(rd_page),
    .out_valid_o(rd_valid), .out_ready_i(rd_ready), .out_data_o(rd_data), .out_bytes_o(rd_count), .out_last_o(rd_last),
    .ar_valid_o, .ar_ready_i, .ar_o, .r_valid_i, .r_data_i, .r_err_i, .r_last_i
  );
  key_write #(.DW(DW)) u_write (
    .clk_i(clk), .rst_ni, .wipe_i,
    .start_i(wr_start), .addr_i({sub.dst_hi, sub.dst_lo}), .bytes_i(wr_bytes), .stop_i(stop),
    .idle_o(wr_idle), .err_o(wr_err), .page_o(wr_page),
    .in_valid_i(wr_valid), .in_ready_o(wr_ready), .in_i(out_word_q[7:0]),
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i
  );

  // Bytes that were read: HKDF's info and KBKDF's data to info, all else to side.
  logic [6:0] salt_len, salt_left_q;
  logic [8:0] info_len;
  logic [7:0] info_next_q, byte_q;
  logic [8:0] byte_at_q;
  logic       to_info, byte_some_q, byte_comes;
  assign to_info    = to_memory && salt_left_q == '0;
  assign byte_comes = in_q[READ] && rd_valid;
  always_ff @(posedge clk) begin
    salt_len    <= is_hkdf ? sub.aad3[6:0] : '0;
    info_len    <= read_len[8:0] - 9'(salt_len);
    if (in_q[LOOK]) begin
      salt_left_q <= salt_len;
      info_next_q <= '0;
      moved_q     <= '0;
    end else if (byte_comes) begin
      if (to_info) info_next_q <= info_next_q + 8'd1;
      else begin
        salt_left_q <= salt_left_q - 7'd1;
        moved_q     <= moved_q + 7'd1;
      end
    end
    byte_some_q <= byte_comes;
    byte_at_q   <= to_info ? {INFO_AT, 3'd0} | 9'(info_next_q) : {SIDE_AT, 3'd0} | 9'(moved_q);
    byte_q      <= byte_comes ? rd_data[7:0] : '0;
  end
  always_comb begin
    put[FROM_MEMORY] = '0;
    if (byte_some_q) begin
      put[FROM_MEMORY].be[byte_at_q[2:0]] = 1'b1;
      put[FROM_MEMORY].at                 = byte_at_q[8:3];
    end
    put[FROM_MEMORY].word = {8{byte_q}};
  end

  // Bytes of side to be written: a word at a time, the next on its way meanwhile.
  logic [3:0]  out_at_q;
  logic [2:0]  out_byte_q;
  logic        out_moves, out_first_q, out_next_q;   // the first word is there; the last byte of one is next
  assign out_moves         = wr_valid && wr_ready;
  assign get_at[TO_MEMORY] = in_q[WRITE] ? SIDE_AT | 6'(out_at_q) : '0;
  always_ff @(posedge clk) begin
    out_some_q <= in_q[WRITE] && (out_some_q ? !(out_moves && feed_last_q) : out_first_q);
    if (!in_q[WRITE]) {out_at_q, out_byte_q} <= '0;
    else if (out_moves) out_byte_q <= out_byte_q + 3'd1;
    out_first_q <= in_q[WRITE] && step_q == 5'd2;
    out_next_q  <= out_byte_q == (out_moves ? 3'd6 : 3'd7);
    if (out_first_q || (out_moves && out_next_q)) begin
      out_word_q <= word;
      out_at_q   <= out_at_q + 4'd1;
    end else if (out_moves) out_word_q <= out_word_q >> 8;
    if (!in_q[WRITE]) out_word_q <= '0;
  end

  // -------------------------------------------------------------- engines
  logic         mac_start, mac_ready, mac_done, mac_ok, mac_put, mac_clean, mac_used_q, mac_stop;
  logic [5:0]   mac_at;
  logic [63:0]  mac;
  mac_job_t     job, job_d;
  always_ff @(posedge clk) job <= job_d;
  always_comb begin
    job_d          = '0;
    job_d.alg      = sha2_pkg::alg_e'(sub.aad3[17:16] - 2'd1);
    job_d.empty    = !some_q;
    job_d.base_len = is_mac ? meta_q.key_len : base_q.key_len;
    job_d.salt_len = salt_len;
    job_d.info_len = info_len;
    job_d.out_len  = is_mac ? sub.aad3[6:0] : made_meta_q.key_len;
    job_d.kind = MAC_SIGN;
    if (is_derive) job_d.kind = MAC_KBKDF;
    if (is_message) job_d.kind = MAC_MESSAGE;
    if (is_hkdf) job_d.kind = MAC_HKDF;
    if (is_root) job_d.kind = MAC_ROOT;
    if (is_verify) job_d.kind = MAC_VERIFY;
    if (is_message || is_root) job_d.alg = sha2_pkg::SHA_256;
  end
  key_mac u_mac (
    .clk_i(clk), .rst_ni,
    .start_i(mac_start), .stop_i(mac_stop), .clean_o(mac_clean), .job_i(job),
    .root_i, .context_i({sub.aad1[23:16], sub.aad1[31:24], made_meta_q.domain}), .get_at_o(get_at[TO_MAC]), .word_i(word),
    .in_valid_i(rd_valid), .in_ready_o(mac_ready), .in_data_i(rd_data), .in_bytes_i(rd_count), .in_last_i(rd_last),
    .put_o(mac_put), .put_at_o(mac_at), .put_word_o(mac), .done_o(mac_done), .ok_o(mac_ok),
    .test_start_i, .test_done_o(test_done_o[0]), .test_ok_o(test_ok_o[0]), .test_fault_i
  );

  put_t mac_put_q;
  assign put[FROM_MAC] = mac_put_q;
  always_ff @(posedge clk) mac_put_q <= '{be: {8{mac_put}}, at: mac_at & {6{mac_put}}, word: mac};

  // Attributes: of a key that is looked at, of one that is wrapped.
  key_attributes_t attributes;
  logic            head_some_q;
  logic [1:0]      head_at_q;
  logic [63:0]     head_word_q;
  always_comb begin
    attributes = attributes_of(meta_q, used_q);
    if (counts) attributes.generation = BLOB_MARK;
  end
  always_ff @(posedge clk) begin
    head_some_q <= in_q[HEAD] && step_q[4:2] == '0;
    head_at_q   <= step_q[1:0];
    head_word_q <= in_q[HEAD] ? attributes[{step_q[1:0], 6'd0}+:64] : '0;
  end
  assign put[FROM_META] = '{be: {8{head_some_q}}, at: head_some_q ? SIDE_AT | 6'(head_at_q) : '0, word: head_word_q & {64{head_some_q}}};

  logic         wrap_valid, wrap_ready, wrap_ok, wrap_clean, asked_q;
  logic         found_q, taken_q, wrap_done;   // there is a result; what is made of it has been decided
  wrap_op_e     wrap_op;
  logic [6:0]   wrap_len, wrapped_len;
  logic         wrap_clear_q;
  always_ff @(posedge clk) begin
    wrap_clear_q <= (stop && is_wrap && status_q inside {STATUS_ABORTED, STATUS_ZEROIZED}) || wipe_now;
    wrap_op      <= is_unwrap ? WRAP_GCM_OPEN : is_kwp_out ? WRAP_KWP_WRAP : is_out ? WRAP_GCM_SEAL : WRAP_KWP_UNWRAP;
    wrap_len     <= is_kwp_out ? meta_q.key_len : !is_unwrap && !is_out ? sub.pay_len[6:0] : 7'd64;
  end
  assign wrap_valid = in_q[WORK] && is_wrap && !asked_q && later_q && !begin_q;
  logic         testing, t_valid, t_ack, engine_ready, engine_done, t_in_valid;
  wrap_op_e     t_op;
  key_size_e    t_size;
  logic [6:0]   t_aad_len, t_len;
  logic [31:0]  t_in, engine_out;
  logic         engine_gives;
  logic test_start_q;
  always_ff @(posedge clk) begin
    test_start_q <= rst_ni && test_start_i;
    testing      <= rst_ni && test_start_i && !test_done_o[1];
  end
  assign wrap_ready = engine_ready && !testing;
  assign wrap_done  = found_q && !taken_q;

  // Its strings, 25 words by halves: the key; IV and tag, as they lie in a blob; AAD; what goes in: a key, a blob's ciphertext, a wrapped key.
  logic        feeding_q;
  logic [5:0]  feed_at_q, feed_get_q, feed_from_q;
  logic [3:0]  feed_way_q;
  logic [5:0]  feed_to_q;              // the half word that comes
  logic        in_some_q;
  logic [31:0] in_half_q;
  always_ff @(posedge clk) begin
    feed_from_q <= is_out ? MADE_AT : is_unwrap ? SIDE_AT | 6'd8 : SIDE_AT;
    feeding_q   <= in_q[WORK] && (wrap_ready || (feeding_q && feed_at_q != 6'(IN_WORDS - 1)));
    feed_at_q   <= feeding_q ? feed_at_q + 6'd1 : '0;
    // A register of its own before key_data's.
    unique case (feed_at_q[5:4])
      2'd0:    feed_get_q <= feed_at_q[3] ? SIDE_AT | 6'(feed_at_q[3:1]) : BASE_AT | 6'(feed_at_q[3:1]);
      2'd1:    feed_get_q <= SIDE_AT | 6'(feed_at_q[3:1]);
      default: feed_get_q <= feed_from_q + 6'(feed_at_q[4:1]);
    endcase
    if (!feeding_q) feed_get_q <= '0;
    feed_way_q  <= {feed_way_q[2:0], feeding_q};
    feed_to_q   <= feed_way_q[3] ? feed_to_q + 6'd1 : '0;
    in_some_q   <= testing ? t_in_valid : feed_way_q[3];
    in_half_q   <= testing ? t_in : !feed_way_q[3] ? '0 : feed_to_q[0] ? word[63:32] : word[31:0];
    if (!rst_ni || stop) begin
      feeding_q  <= 1'b0;
      feed_way_q <= '0;
    end
  end
  assign get_at[TO_WRAP] = feed_get_q;
  wrap_selftest u_wrap_test (
    .clk_i(clk), .rst_ni,
    .start_i(test_start_q), .done_o(test_done_o[1]), .ok_o(test_ok_o[1]), .fault_i(test_fault_i),
    .valid_o(t_valid), .ready_i(engine_ready), .op_o(t_op), .key_size_o(t_size),
    .aad_len_o(t_aad_len), .payload_len_o(t_len), .in_valid_o(t_in_valid), .in_o(t_in),
    .out_valid_i(engine_gives), .out_i(engine_out),
    .done_i(engine_done), .ack_o(t_ack), .ok_i(wrap_ok), .payload_len_i(wrapped_len)
  );
  key_wrap #(.SBOX(SBOX)) u_wrap (
    .clk_i(clk), .rst_ni, .clear_i(wrap_clear_q), .clean_o(wrap_clean),
    .valid_i(testing ? t_valid : wrap_valid), .ready_o(engine_ready), .op_i(testing ? t_op : wrap_op),
    .key_size_i(testing ? t_size : KEY_256), .aad_len_i(testing ? t_aad_len : 7'd32), .payload_len_i(testing ? t_len : wrap_len),
    .in_valid_i(in_some_q), .in_i(in_half_q), .out_valid_o(engine_gives), .out_o(engine_out),
    .done_o(engine_done), .ack_i(testing ? t_ack : engine_done && taken_q), .ok_o(wrap_ok), .payload_len_o(wrapped_len)
  );
  // What it gives, tag and payload: of a blob both, to where they belong in it; else the payload.
  logic [4:0]  gives_at_q;
  logic        gives_q;
  logic [6:0]  given_at_q;
  logic [5:0]  gives_to_q;
  logic [31:0] given_q;
  always_ff @(posedge clk) begin
    gives_to_q <= is_kwp_out ? SIDE_AT - 6'd2 : is_out ? SIDE_AT + 6'd6 : MADE_AT - 6'd2;
    gives_at_q <= engine_gives ? gives_at_q + 5'd1 : '0;
    given_at_q <= {gives_to_q + 6'(gives_at_q[4:1]), gives_at_q[0]};
    gives_q    <= rst_ni && engine_gives && !testing && in_q[WORK] && (gives_at_q >= 5'd4 || (is_out && !is_kwp_out))
               && (gives_at_q < 5'd20 || is_kwp_out);
    given_q    <= engine_gives && !testing ? engine_out : '0;
  end
  always_comb begin
    put[FROM_WRAP] = '0;
    if (gives_q) put[FROM_WRAP] = '{be: given_at_q[0] ? 8'hf0 : 8'h0f, at: given_at_q[6:1], word: {2{given_q}}};
  end

  // One verdict on a blob, whatever is wrong with it. Its head passes on its way to the engine, as AAD; before, the end of its IV.
  /* verilator lint_off UNUSEDSIGNAL */  // a word of it at a time
  key_attributes_t head, part;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [63:0]     head_q;
  logic [6:0]      blob_faults_q;
  logic            blob_stray_q, blob_fits_q, blob_ok_q, stray_q;
  logic [4:1]      part_q;                     // the words of it: 0 to 3
  logic            tail_q;                     // what ends in bytes that must be zero: word 3, and the IV
  logic [3:0]      stray_part_q;
  assign part = {4{word}};
  assign head = 256'(head_q);
  always_ff @(posedge clk) begin
    // In a word's first half; it stays for the second.
    for (int i = 0; i < 4; i++) part_q[i+1] <= feed_way_q[3] && feed_to_q == {5'd8 + 5'(i), 1'b0} && is_unwrap;
    tail_q <= feed_way_q[3] && (feed_to_q == {5'd5, 1'b0} || feed_to_q == {5'd11, 1'b0});
    for (int i = 0; i < 4; i++) stray_part_q[i] <= tail_q && word[32+8*i+:8] != '0;
    stray_q <= stray_part_q != '0;
    if (part_q[1]) head_q <= word;
    if (in_q[KEYS]) blob_stray_q <= 1'b0;
    else if (stray_q) blob_stray_q <= 1'b1;
    blob_faults_q <= blob_faults(head, req.domain, EC != 0);
    blob_fits_q   <= blob_faults_q == '0 && !blob_stray_q;
    blob_ok_q     <= wrap_ok && (is_unwrap ? blob_fits_q : wrapped_len == made_meta_q.key_len);
    found_q       <= rst_ni && engine_done && !testing && is_wrap && in_q[WORK];
    taken_q       <= rst_ni && found_q;
    if (in_q[FINISH]) head_q <= '0;
  end

  // --------------------------------------------------------------- random
  logic [16:0] random_left_q;         // bytes of RANDOM that are not fed yet
  logic        random_some_q, random_more_q;   // there are; more than a block of them
  logic [4:0]  blocks_q, ask_q;       // of a request, still to come; to ask for
  logic [11:0] blocks_left_q;
  logic        blocks_some_q;       // some are to come
  logic        rnd_comes, rnd_got, rnd_block;
  logic [1:0]  rnd_word_q;          // of a block
  put_t        rnd_put_q;
  always_ff @(posedge clk) begin
    blocks_left_q <= 12'((random_left_q + 17'd31) >> 5);
    ask_q <= is_random ? (blocks_left_q > 12'(BATCH) ? BATCH : blocks_left_q[4:0])
           : is_generate && made_meta_q.key_len > 7'd32 ? 5'd2 : 5'd1;
  end
  assign rnd_ask_o    = in_q[ASK_RANDOM] && later_q && !begin_q && !move_q.go && !halts_q;
  assign rnd_blocks_o = 8'(ask_q);
  // Taken in the cycle after it came. What is left of a request that is given up is taken and dropped.
  assign rnd_comes    = rnd_valid_i && !rnd_take_o && !move_q.go && blocks_some_q && (in_q[RANDOM] || in_q[FINISH]);
  assign rnd_got      = rnd_valid_i && rnd_take_o;
  assign rnd_block    = rnd_got && rnd_word_q == '1;
  always_ff @(posedge clk) begin
    rnd_take_o <= rst_ni && rnd_comes;
    rnd_put_q  <= '0;
    if (rnd_comes && in_q[RANDOM]) begin
      rnd_put_q.word <= rnd_i;
      rnd_put_q.be   <= '1;
      rnd_put_q.at   <= is_generate ? MADE_AT | {3'd0, blocks_q == 5'd1 && ask_q != 5'd1, rnd_word_q} : SIDE_AT | 6'(rnd_word_q);
      // A wrapped key's IV.
      if (counts) begin
        rnd_put_q.be <= rnd_word_q[1] ? '0 : rnd_word_q[0] ? 8'h0f : '1;
        rnd_put_q.at <= SIDE_AT | 6'd4 | 6'(rnd_word_q[0]);
      end
    end
  end
  assign put[FROM_RANDOM] = rnd_put_q;

  // -------------------------------------------------------------- control
  logic out_end;      // the writer has ended
  logic rested_q;     // nothing is left or under way
  logic rd_bad_q, rd_done_q, out_end_q;
  always_ff @(posedge clk) begin
    rd_start <= rst_ni && begin_q && (in_q[READ] || (in_q[WORK] && is_mac && !job.empty));
    wr_start <= rst_ni && begin_q && in_q[WRITE] && !started_q;
    third_q  <= step_q >= 5'd2 && !begin_q;
    // What ended, a cycle late: the states go on meanwhile. Then a message that cannot be read.
    rd_done_q <= rst_ni && in_q[READ] && rd_over && !move_q.go;
    out_end_q <= rst_ni && out_end && !move_q.go;
    rd_bad_q <= rst_ni && in_q[WORK] && is_mac && !job.empty && rd_over && rd_err && !move_q.go;
  end
  assign rd_over   = rd_idle && third_q && !begin_q;
  assign rd_ready  = in_q[READ] || (in_q[WORK] && mac_ready);
  assign mac_start = step_q == 5'd2 && in_q[WORK] && !is_wrap;
  assign wr_valid  = out_some_q;
  assign out_end   = in_q[WRITE] && !begin_q && third_q && wr_idle;
  always_ff @(posedge clk) begin
    stop     <= rst_ni && begin_q && in_q[FINISH];
    mac_stop <= rst_ni && begin_q && in_q[FINISH] && mac_used_q;
  end

  // What ends an operation where it is: a wipe, its queue's reset, a generator without entropy. Seen one cycle later.
  assign running = !((in_q[IDLE] || in_q[LOOK] || in_q[DECIDE] || in_q[FINISH] || in_q[DONE]));
  always_ff @(posedge clk) begin
    // Of a state that goes on.
    abort_q <= rst_ni && !move_q.go && ((wipe_i && running) || (resetting_q && (in_q[READ] || in_q[ASK_RANDOM] || in_q[RANDOM] || in_q[WORK] || in_q[WRITE]))
                          || (rnd_error_i && (in_q[ASK_RANDOM] || in_q[RANDOM])));
    halts_q        <= wipe_i || resetting_q;
    abort_status_q <= wipe_i ? STATUS_ZEROIZED : resetting_q ? STATUS_ABORTED : STATUS_NO_ENTROPY;
  end

  // What each state does next: nothing, or on to another, perhaps with a status.
  function automatic move_t go(state_e to);
    return '{go: 1'b1, to: states_t'(1) << to, says: 1'b0, status: STATUS_OK};
  endfunction
  function automatic move_t stop_with(status_e status);
    return '{go: 1'b1, to: states_t'(1) << FINISH, says: 1'b1, status: status};
  endfunction
  function automatic move_t go_on(states_t to);
    return '{go: 1'b1, to: to, says: 1'b0, status: STATUS_OK};
  endfunction
  // What the descriptor and its slots alone decide: where DECIDE leads to, what follows once all has been read, what follows key_mac.
  states_t decided_q, read_to_q, mac_to_q;
  always_ff @(posedge clk) begin
    read_to_q <= states_t'(1) << (op.random && !ec_q ? ASK_RANDOM : is_root || is_ecdh ? WORK : to_keys_q ? KEYS : CUT);
    mac_to_q  <= states_t'(1) << (op.writes ? WRITE : is_verify ? FINISH : CUT);
    decided_q <= ec_q ? states_t'(1) << SECRET : to_read_q ? states_t'(1) << READ : is_query ? states_t'(1) << HEAD
               : counts ? states_t'(1) << CUT : is_load ? states_t'(1) << WINDOW : read_to_q;
  end
  move_t moves[STATES], after_read;   // decided now, done a cycle later
  assign after_read = go_on(read_to_q);
  always_comb begin
    for (int i = 0; i < int'(STATES); i++) moves[i] = '0;
    if (begins) moves[IDLE] = go(LOOK);
    if (due_q) moves[LOOK] = go(DECIDE);

    moves[DECIDE] = good_q ? go_on(decided_q) : go(FINISH);
    moves[DECIDE].says   = 1'b1;
    moves[DECIDE].status = final_q;

    if (due_q) moves[SECRET] = to_read_q ? go(READ) : after_read;
    if (due_q) moves[WINDOW] = go(CUT);
    if (rd_done_q) moves[READ] = rd_err && !is_verify ? stop_with(STATUS_DMA_SRC) : after_read;
    if (rnd_ask_o && rnd_ready_i) moves[ASK_RANDOM] = go(RANDOM);
    if (rnd_block && is_random) moves[RANDOM] = go(WRITE);
    else if (rnd_block && blocks_q == 5'd1) moves[RANDOM] = go(counts ? HEAD : to_keys_q ? KEYS : CUT);
    if (due_q) moves[HEAD] = go(is_query ? WRITE : KEYS);
    if (due_q) moves[KEYS] = go(WORK);

    // One of the engines works.
    if (wrap_done) moves[WORK] = is_out ? go(WRITE) : blob_ok_q ? go(CUT) : stop_with(STATUS_BAD_BLOB);
    if (mac_done) begin
      moves[WORK] = go_on(mac_to_q);
      if (is_verify && !mac_ok) moves[WORK] = stop_with(STATUS_TAG_MISMATCH);
      if (is_verify && tag_bad_q) moves[WORK] = stop_with(STATUS_DMA_TAG);
    end
    if (rd_bad_q) moves[WORK] = stop_with(STATUS_DMA_SRC);

    if (out_end_q) moves[WRITE] = wr_err ? stop_with(STATUS_DMA_DST) : op.fills ? go(CUT) : go(FINISH);
    else if (!begin_q && is_random && !feed_some_q && random_some_q) moves[WRITE] = go(blocks_some_q ? RANDOM : ASK_RANDOM);
    if (due_q) moves[CUT] = go(PUT);
    if (put_done) moves[PUT] = counts ? after_read : go(FINISH);
    if (rested_q) moves[FINISH] = go(DONE);
    if (cpl_ready_i) moves[DONE] = go(IDLE);

    move = '0;
    for (int i = 0; i < int'(STATES); i++) move |= moves[i] & {$bits(move_t){in_q[i]}};
    if (abort_q) move = stop_with(abort_status_q);
    if (move_q.go) move = '0;
  end

  assign wiped_o  = slots_wiped && settle_q == '0 && wr_idle;
  always_ff @(posedge clk) begin
    wiping_q <= rst_ni && wipe_i;
    settle_q <= !wipe_i ? 7'd80 : settle_q - 7'(settle_q != '0);
  end

  always_ff @(posedge clk) begin
    move_q      <= move;
    if (move_q.go) in_q <= move_q.to;
    if (move_q.says) status_q <= move_q.status;
    begin_q     <= move_q.go;
    due_q       <= (in_q[LOOK] && step_q == 5'd8) || (in_q[WINDOW] && step_q == 5'd10) || (in_q[HEAD] && step_q == 5'd2) || (in_q[SECRET] && step_q == 5'd8)
                || (in_q[KEYS] && step_q == (is_out ? 5'd22 : 5'd14)) || (in_q[CUT] && step_q == 5'd2);
    later_q     <= step_q >= 5'd1;
    rested_q    <= in_q[FINISH] && step_q >= 5'd6 && data_clean && mac_clean && rd_idle && wr_idle && wrap_clean && !blocks_some_q;
    step_q      <= move_q.go || waits ? '0 : step_q + 5'(step_q != '1);
    resetting_q <= resetting_i[req.queue_idx[QW-1:0]];
    if (out_moves) begin
      feed_q      <= feed_q - 8'd1;
      feed_some_q <= !feed_last_q;
    end
    feed_last_q   <= feed_q == (out_moves ? 8'd2 : 8'd1);
    random_some_q <= random_left_q != '0;
    random_more_q <= random_left_q > 17'd32;
    if (rnd_ask_o && rnd_ready_i) begin
      blocks_q      <= ask_q;
      blocks_some_q <= 1'b1;
    end else if (rnd_error_i || wipe_i) begin
      blocks_q      <= '0;
      blocks_some_q <= 1'b0;
    end else if (rnd_block) begin
      blocks_q      <= blocks_q - 5'd1;
      blocks_some_q <= blocks_q != 5'd1;
    end
    if (in_q[IDLE]) rnd_word_q <= '0;
    else if (rnd_got) rnd_word_q <= rnd_word_q + 2'd1;
    if (in_q[WORK] && wrap_ready) asked_q <= 1'b1;
    if (in_q[IDLE]) mac_used_q <= 1'b0;
    else if (mac_start) mac_used_q <= 1'b1;
    // Where the last failure was; shown with a status that says so.
    rd_failed_q <= rd_over && rd_err && (in_q[READ] || (in_q[WORK] && is_mac && !job.empty));
    wr_failed_q <= out_end && wr_err;
    if (rd_failed_q) page_q <= rd_page;
    if (wr_failed_q) page_q <= wr_page;
    look_q <= {in_q[LOOK] && step_q == 5'd4, in_q[LOOK] && step_q == 5'd3};
    if (look_q[0]) begin
      meta_q <= read_meta;
      used_q <= read_used;
    end
    if (look_q[1]) begin
      base_q      <= read_meta;
      base_used_q <= read_used;
    end
    if (in_q[DECIDE] && op.fills) used_q <= '0;
    unique case (1'b1)
      in_q[IDLE]: begin
        started_q <= 1'b0;
        tag_bad_q <= 1'b0;
        asked_q   <= 1'b0;
      end
      in_q[LOOK]: begin
        random_left_q <= sub.pay_len[16:0];
        made_meta_q <= made_meta;
      end
      in_q[READ]:
      if (rd_failed_q) tag_bad_q <= 1'b1;
      in_q[WORK]: begin
        if (wrap_done && is_unwrap) begin
          made_meta_q.key_type   <= head.key_type;
          // What the host has known it still knows.
          if (head.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]}) made_meta_q.origin <= head.origin;
          made_meta_q.usage_bits <= head.usage_bits & sub.aad0[31:16];
          made_meta_q.iv_policy  <= head.iv_policy;
          made_meta_q.key_len    <= head.key_len;
        end
      end
      in_q[WRITE]: begin
        if (begin_q) begin
          started_q <= 1'b1;
          feed_some_q <= 1'b1;
          feed_q    <= !is_random ? wr_bytes[7:0] : random_more_q ? 8'd32 : random_left_q[7:0];
          if (is_random) random_left_q <= random_more_q ? random_left_q - 17'd32 : '0;
        end
      end
      default: ;
    endcase
    // What a blob says of its key, as it passes.
    if (part_q[2]) begin
      made_meta_q.limit <= part.limit;
      used_q            <= part.used;
    end
    if (part_q[3]) made_meta_q.label[63:0] <= {part.label1, part.label0};
    if (part_q[4]) made_meta_q.label[95:64] <= part.label2;
    if (!rst_ni) begin
      in_q        <= states_t'(1) << IDLE;
      resetting_q <= 1'b0;
      move_q      <= '0;
      begin_q     <= 1'b0;
      due_q       <= 1'b0;
      rested_q    <= 1'b0;
      blocks_q    <= '0;
      blocks_some_q <= 1'b0;
    end
  end

  logic dma;
  assign dma         = status_q inside {STATUS_DMA_SRC, STATUS_DMA_DST, STATUS_DMA_TAG};
  assign cpl_valid_o = in_q[DONE] && !move_q.go;
  assign cpl_o = '{
    queue_idx: req.queue_idx, cookie: sub.cookie, status: status_q,
    bytes: status_q == STATUS_OK && op.writes ? wr_bytes : '0,
    result: dma ? {64'd0, page_q, 12'd0} : status_q == STATUS_OK && op.fills ? 128'(made_meta_q.generation) : '0
  };
endmodule
