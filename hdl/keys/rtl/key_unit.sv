// SPDX-License-Identifier: Apache-2.0
//
// Serves the key operations of abi/README.md, one at a time, in the order in which the guard hands them over: they wait in a FIFO, so
// that a long one stalls no request to a lane. In turn with those come the second halves of EC_GENERATE and EC_ECDH, from the EC unit. At its turn each is decided by key_guard, from its slots as they are then; only this
// unit changes them.
//
// An operation is a row of steps, of which it skips those that it does not need:
//   LOOK      public halves of slot and second slot; the decision
//   SECRET    what an engine for elliptic curves made, to made
//   READ      its buffer from memory: to side, what follows the salt to the info memory
//   RANDOM    blocks from the generator
//   KEYS      material of the slots, to base and made
//   WORK      key_mac or key_wrap
//   WRITE     side to memory
//   CUT, PUT  the slot, and the lanes' copies of it; before a KEY_WRAP the wrapping key's count
//   FINISH    everything is zero before the completion is offered
//
// Wipe: from wipe_i on an operation, at its turn or in the middle, ends with ZEROIZED; wiped_o says that nothing is left of any key,
// nor of what was made of one.
//
// Material is in base, made and the engines; its ways out are the lanes' key port, and, only as what key_wrap made of it, side. What
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
  parameter  int unsigned EC     = 0,           // engines for elliptic curves
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
  // Engines for elliptic curves: their look at the slots; EC_GENERATE and EC_ECDH with what the engine made, in words of four bytes.
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [(EC == 0 ? 1 : EC)-1:0] ec_held_i,
  input  logic [15:0]           ec_held_slot_i[EC == 0 ? 1 : EC],
  input  logic                  ec_valid_i,
  output logic                  ec_ready_o,    // answered
  input  key_req_t              ec_i,
  output logic [3:0]            secret_at_o,
  input  logic [31:0]           secret_i,
  // Device.
  input  logic [QUEUES-1:0]     resetting_i,
  input  logic                  sealed_i,
  input  logic [511:0]          window_i,
  input  logic [15:0]           window_words_i,
  output logic                  window_clear_o,
  input  logic [255:0]          root_i,
  // Random blocks: a request for so many; all of them are taken.
  output logic                  rnd_ask_o,
  input  logic                  rnd_ready_i,
  output logic [7:0]            rnd_blocks_o,
  input  logic                  rnd_valid_i,
  output logic                  rnd_take_o,
  input  logic [255:0]          rnd_i,
  input  logic                  rnd_error_i,   // final
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
    IDLE, LOOK, DECIDE, SECRET, READ, ALIGN, ASK_RANDOM, RANDOM, KEYS, WORK, WRITE, CUT, PUT, FINISH, DONE
  } state_e;
  localparam int unsigned STATES = 15;
  typedef logic [STATES-1:0] states_t;
  states_t    in_q;                // one bit a state, by state_e
  logic       begin_q;             // first cycle of a state
  logic       abort_q, running;
  status_e    abort_status_q;
  logic [3:0] step_q;              // cycles in a state
  key_req_t   next, req;           // the first that waits; the operation
  logic       next_valid, req_pop, ec_q, ec_turn;   // ec_q: the operation is the EC unit's

  // All but the slots stands still while no operation waits: from some cycles after the last, when the engines have come to rest.
  logic       clk, work;
  logic [3:0] rest_q;
  assign work = !rst_ni || wipe_i || (test_start_i && test_done_o != '1) || req_valid_i || next_valid || ec_valid_i || !in_q[IDLE];
  clock_gate #(.ON(CLOCK_GATES)) u_clock (.clk_i, .on_i(work || rest_q != '0), .clk_o(clk));
  always_ff @(posedge clk) rest_q <= work ? '1 : rest_q - 4'(rest_q != '0);

  fifo #(.WIDTH($bits(key_req_t)), .DEPTH(DEPTH)) u_wait (
    .clk_i(clk), .rst_ni,
    .in_valid_i(req_valid_i), .in_ready_o(req_ready_o), .in_i(req_i),
    .out_valid_o(next_valid), .out_ready_i(req_pop), .out_o(next)
  );
  assign req_pop    = cpl_valid_o && cpl_ready_i && !ec_q;
  assign ec_ready_o = cpl_valid_o && cpl_ready_i && ec_q;
  // After one of the one kind one of the other, if there is any.
  assign ec_turn = ec_valid_i && (!ec_q || !next_valid);
  always_ff @(posedge clk) begin
    if (in_q[IDLE]) begin
      req <= ec_turn ? ec_i : next;
      if (next_valid || ec_valid_i) ec_q <= ec_turn;
    end
    if (!rst_ni) ec_q <= 1'b0;
  end

  submission_t sub;
  /* verilator lint_off UNUSEDSIGNAL */  // some of it is for the checks
  op_t         op;
  /* verilator lint_on UNUSEDSIGNAL */
  logic        officer, resetting_q, is_mac, is_verify, is_derive, is_wrap, is_out, is_random, is_message, is_root, is_load, is_query;
  logic        is_unwrap, is_kwp_out, is_hkdf, is_generate, is_ecdh, counts, to_memory;
  logic [31:0] read_len;
  assign sub = req.sub;
  // Of the descriptor, a cycle later.
  always_ff @(posedge clk) begin
    op          <= op_of(sub, EC != 0);
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
  slot_meta_t  read_meta, meta_q, base_q, made_meta, made_meta_q;
  logic [31:0] read_used, used_q, base_used_q, counted_q;
  status_e     verdict, verdict_q, verdict_d, final_q, status_q;
  key_guard #(.SLOTS(SLOTS), .EC(EC != 0)) u_guard (
    .clk_i(clk),
    .sub_i(sub), .officer_i(officer), .domain_i(req.domain), .sealed_i, .window_i(window_words_i),
    .meta_i(meta_q), .used_i(used_q), .base_i(base_q), .base_used_i(base_used_q), .status_o(verdict), .made_o(made_meta)
  );

  // The last to decide, and where it leads to.
  logic good_q, to_read_q, to_keys_q;
  always_comb begin
    verdict_d = verdict_q;
    if (req.status != STATUS_OK) verdict_d = req.status;
    if (resetting_q) verdict_d = STATUS_ABORTED;
    if (wipe_i) verdict_d = STATUS_ZEROIZED;
  end
  always_ff @(posedge clk) begin
    verdict_q <= verdict;
    final_q   <= verdict_d;
    good_q    <= verdict_d == STATUS_OK;
    to_read_q <= is_verify || (op.reads && !is_mac && read_len != '0);
    to_keys_q <= is_wrap || is_mac || is_derive;
  end
  // The officer's load uses the window up, whatever becomes of it; made has taken it by then.
  always_ff @(posedge clk_i) window_clear_o <= rst_ni && in_q[DECIDE] && is_load && officer && final_q != STATUS_ABORTED;

  // ---------------------------------------------------------------- slots
  logic [511:0]   base, made_q;
  logic           put_done, fetch, forget, slots_wiped;
  slot_op_e       put_op;
  logic [15:0]    read_slot_q, put_slot_q;
  logic [31:0]    put_used_q;
  // In LOOK the slots' public halves, in KEYS their material: a slot's number, two cycles later what it has.
  always_ff @(posedge clk) begin
    put_op      <= counts ? SLOT_COUNT : op.fills ? SLOT_FILL : sub.opcode == OPCODE_KEY_LOCK ? SLOT_RIGHTS : SLOT_EMPTY;
    read_slot_q <= in_q[LOOK] ? (step_q == '0 ? sub.slot : sub.aad2[15:0])
                 : (step_q == '0 && (is_out || is_mac)) ? sub.slot : sub.aad2[15:0];
    counted_q   <= base_used_q + 32'd1;
    put_slot_q  <= counts ? sub.aad2[15:0] : sub.slot;
    put_used_q  <= counts ? counted_q : used_q;
  end
  assign fetch  = in_q[KEYS] && (step_q == 4'd1 || (step_q == 4'd2 && is_out));
  assign forget = in_q[FINISH];
  slots #(.SLOTS(SLOTS), .LANES(LANES), .EC(EC)) u_slots (
    .clk_i, .rst_ni, .wipe_i, .wiped_o(slots_wiped),
    .look_slot_i, .look_meta_o, .look_used_o, .look_busy_i, .count_i,
    .ec_ask_i, .ec_answer_o, .ec_held_i, .ec_held_slot_i,
    .read_slot_i(read_slot_q), .read_meta_o(read_meta), .read_used_o(read_used),
    .fetch_i(fetch), .forget_i(forget), .material_o(base),
    .put_valid_i(in_q[PUT]), .put_op_i(put_op), .put_slot_i(put_slot_q), .put_meta_i(made_meta_q),
    .put_used_i(put_used_q),
    .put_key_i(made_q), .done_o(put_done),
    .lane_given_i, .lane_answered_i, .key_valid_o, .key_ready_i, .key_clear_o, .key_slot_o, .key_size_o, .key_o, .key_done_i
  );

  // A wipe: its first cycle; then the memories here are swept, and the wrapping engine sweeps its own.
  logic       wipe_now, wiping_q;
  logic [4:0] sweep_q;
  logic [6:0] settle_q;
  assign wipe_now = wipe_i && !wiping_q;

  // --------------------------------------------------------------- memory
  logic [1023:0] side_q;
  side_cmd_t     side;
  made_cmd_t     made;
  logic          side_moving;
  logic [7:0]    moved_q, feed_q;    // bytes that went into side; still to go out
  logic          feed_some_q;
  logic          started_q, tag_bad_q, aligned;
  assign aligned = moved_q[6:0] == '0;   // 0 or 128
  logic [51:0]   page_q;
  logic          rd_start, rd_idle, rd_err, rd_valid, rd_ready, rd_last, stop;
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
    .in_valid_i(wr_valid), .in_ready_o(wr_ready), .in_i(side_moving ? side_q[15:8] : side_q[7:0]),
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i
  );

  // HKDF's info and KBKDF's data.
  logic [7:0][7:0] info_word;
  logic [4:0]      info_at;
  logic [6:0]      salt_len, salt_left_q;
  logic [8:0]      info_len;
  logic [7:0]      info_next_q, info_byte_q, info_in_q;
  logic            to_info, info_put_q;
  assign to_info = to_memory && salt_left_q == '0;
  always_ff @(posedge clk) begin
    salt_len    <= is_hkdf ? sub.aad3[6:0] : '0;
    info_len    <= read_len[8:0] - 9'(salt_len);
    if (in_q[LOOK]) begin
      salt_left_q <= salt_len;
      info_next_q <= '0;
    end else if (in_q[READ] && rd_valid) begin
      if (to_info) info_next_q <= info_next_q + 8'd1;
      else salt_left_q <= salt_left_q - 7'd1;
    end
    info_put_q  <= in_q[READ] && rd_valid && to_info;
    info_byte_q <= info_next_q;
    info_in_q   <= rd_data[7:0];
  end
  // A memory for each byte of a word.
  for (genvar b = 0; b < 8; b++) begin : g_info
    logic [7:0] info[32];
    always_ff @(posedge clk) begin
      if (wipe_i || (info_put_q && info_byte_q[2:0] == 3'(b))) info[wipe_i ? sweep_q : info_byte_q[7:3]] <= wipe_i ? '0 : info_in_q;
    end
    assign info_word[b] = info[info_at];
  end

  // -------------------------------------------------------------- engines
  logic         mac_start, mac_ready, mac_prk, mac_first, mac_second, mac_done, mac_ok;
  logic [511:0] mac;
  mac_job_t     job, job_d;
  always_ff @(posedge clk) job <= job_d;
  always_comb begin
    job_d          = '0;
    job_d.alg      = sha2_pkg::alg_e'(sub.aad3[17:16] - 2'd1);
    job_d.empty    = sub.pay_len == '0;
    job_d.base_len = is_mac ? meta_q.key_len : base_q.key_len;
    job_d.salt_len = salt_len;
    job_d.info_len = info_len;
    job_d.out_len  = is_mac ? sub.aad3[6:0] : made_meta_q.key_len;
    unique case (sub.opcode)
      OPCODE_MAC_VERIFY:  job_d.kind = MAC_VERIFY;
      OPCODE_KEY_HKDF, OPCODE_EC_ECDH: job_d.kind = MAC_HKDF;
      OPCODE_KEY_KBKDF:   job_d.kind = MAC_KBKDF;
      OPCODE_KEY_MESSAGE: job_d.kind = MAC_MESSAGE;
      OPCODE_KEY_ROOT:    job_d.kind = MAC_ROOT;
      default:            job_d.kind = MAC_SIGN;
    endcase
    if (is_message || is_root) job_d.alg = sha2_pkg::SHA_256;
  end
  key_mac u_mac (
    .clk_i(clk), .rst_ni,
    .start_i(mac_start), .stop_i(stop), .job_i(job),
    .base_i(is_ecdh ? made_q : base), .root_i, .side_i(side_q[511:0]), .made_i(made_q),
    .info_at_o(info_at), .info_i(info_word),
    .in_valid_i(rd_valid), .in_ready_o(mac_ready), .in_data_i(rd_data), .in_bytes_i(rd_count), .in_last_i(rd_last),
    .prk_o(mac_prk), .first_o(mac_first), .second_o(mac_second), .mac_o(mac), .done_o(mac_done), .ok_o(mac_ok),
    .test_start_i, .test_done_o(test_done_o[0]), .test_ok_o(test_ok_o[0]), .test_fault_i
  );

  key_attributes_t attributes, blob;
  assign attributes = attributes_of(meta_q, used_q);
  assign blob       = side_q[255:0];

  logic         wrap_valid, wrap_ready, wrap_ok, wrap_clean, asked_q;
  logic         found_q, taken_q, wrap_done;   // there is a result; what is made of it has been decided
  wrap_op_e     wrap_op;
  logic [6:0]   wrap_len, wrapped_len;
  logic [575:0] wrap_in, wrapped;
  logic [127:0] wrap_tag;
  logic         wrap_clear_q;
  logic         from_made_q, from_high_q, from_low_q;   // what goes in: a key, a blob's ciphertext, a wrapped key
  always_ff @(posedge clk) begin
    wrap_clear_q <= (stop && is_wrap && status_q inside {STATUS_ABORTED, STATUS_ZEROIZED}) || wipe_now;
    from_made_q <= is_out;
    from_high_q <= is_unwrap;
    from_low_q  <= sub.opcode == OPCODE_KWP_UNWRAP;
    wrap_op     <= is_unwrap ? WRAP_GCM_OPEN : is_kwp_out ? WRAP_KWP_WRAP : is_out ? WRAP_GCM_SEAL : WRAP_KWP_UNWRAP;
    wrap_len    <= is_kwp_out ? meta_q.key_len : from_low_q ? sub.pay_len[6:0] : 7'd64;
  end
  assign wrap_in = (576'(made_q) & {576{from_made_q}}) | (576'(side_q[1023:512]) & {576{from_high_q}})
                 | (side_q[575:0] & {576{from_low_q}});
  assign wrap_valid = in_q[WORK] && is_wrap && !asked_q && step_q >= 4'd3;
  logic         testing, t_valid, t_ack, engine_ready, engine_done;
  wrap_op_e     t_op;
  key_size_e    t_size;
  logic [255:0] t_key;
  logic [95:0]  t_iv;
  logic [6:0]   t_aad_len, t_len;
  logic [511:0] t_aad;
  logic [575:0] t_payload;
  logic [127:0] t_tag;
  logic test_start_q;
  always_ff @(posedge clk) begin
    test_start_q <= rst_ni && test_start_i;
    testing      <= rst_ni && test_start_i && !test_done_o[1];
  end
  assign wrap_ready = engine_ready && !testing;
  assign wrap_done  = found_q && !taken_q;
  wrap_selftest u_wrap_test (
    .clk_i(clk), .rst_ni,
    .start_i(test_start_q), .done_o(test_done_o[1]), .ok_o(test_ok_o[1]), .fault_i(test_fault_i),
    .valid_o(t_valid), .ready_i(engine_ready), .op_o(t_op), .key_size_o(t_size), .key_o(t_key), .iv_o(t_iv),
    .aad_len_o(t_aad_len), .aad_o(t_aad), .payload_len_o(t_len), .payload_o(t_payload), .tag_o(t_tag),
    .done_i(engine_done), .ack_o(t_ack), .ok_i(wrap_ok), .payload_len_i(wrapped_len), .payload_i(wrapped), .tag_i(wrap_tag)
  );
  // Registers before the engine: its operands lie about.
  logic [255:0] key_in_q;
  logic [95:0]  iv_in_q;
  logic [511:0] aad_in_q;
  logic [575:0] payload_in_q;
  logic [127:0] tag_in_q;
  always_ff @(posedge clk) begin
    key_in_q     <= testing ? t_key : base[255:0];
    iv_in_q      <= testing ? t_iv : side_q[256+:96];
    aad_in_q     <= testing ? t_aad : 512'(side_q[255:0]);
    payload_in_q <= testing ? t_payload : wrap_in;
    tag_in_q     <= testing ? t_tag : side_q[384+:128];
  end
  key_wrap #(.SBOX(SBOX)) u_wrap (
    .clk_i(clk), .rst_ni, .clear_i(wrap_clear_q), .clean_o(wrap_clean),
    .valid_i(testing ? t_valid : wrap_valid), .ready_o(engine_ready), .op_i(testing ? t_op : wrap_op),
    .key_size_i(testing ? t_size : KEY_256), .key_i(key_in_q), .iv_i(iv_in_q), .aad_len_i(testing ? t_aad_len : 7'd32),
    .aad_i(aad_in_q), .payload_len_i(testing ? t_len : wrap_len), .payload_i(payload_in_q), .tag_i(tag_in_q),
    .done_o(engine_done), .ack_i(testing ? t_ack : engine_done && taken_q), .ok_o(wrap_ok), .payload_len_o(wrapped_len), .payload_o(wrapped),
    .tag_o(wrap_tag)
  );
  // One verdict on a blob, whatever is wrong with it.
  logic [6:0] blob_faults_q;
  logic       blob_fits_q, blob_ok_q;
  always_ff @(posedge clk) begin
    blob_faults_q <= blob_faults(blob, req.domain, EC != 0);
    blob_fits_q   <= blob_faults_q == '0 && side_q[352+:32] == '0;
    blob_ok_q     <= wrap_ok && (is_unwrap ? blob_fits_q : wrapped_len == made_meta_q.key_len);
    found_q       <= rst_ni && engine_done && !testing && is_wrap && in_q[WORK];
    taken_q       <= rst_ni && found_q;
  end

  // --------------------------------------------------------------- random
  logic [16:0] random_left_q;         // bytes of RANDOM that are not fed yet
  logic        random_some_q;
  logic [4:0]  blocks_q, ask_q;       // of a request, still to come; to ask for
  logic [11:0] blocks_left_q;
  logic        rnd_comes, rnd_got;
  always_ff @(posedge clk) begin
    blocks_left_q <= 12'((random_left_q + 17'd31) >> 5);
    ask_q <= is_random ? (blocks_left_q > 12'(BATCH) ? BATCH : blocks_left_q[4:0])
           : is_generate && made_meta_q.key_len > 7'd32 ? 5'd2 : 5'd1;
  end
  assign rnd_ask_o    = in_q[ASK_RANDOM] && step_q >= 4'd2 && !abort_q && !resetting_q;
  assign rnd_blocks_o = 8'(ask_q);
  // Taken in the cycle in which key_data takes it. What is left of a request that is given up is taken and dropped.
  assign rnd_comes    = rnd_valid_i && !rnd_take_o && blocks_q != '0 && (in_q[RANDOM] || in_q[FINISH]);
  assign rnd_got      = rnd_valid_i && rnd_take_o;
  always_ff @(posedge clk) rnd_take_o <= rst_ni && rnd_comes;

  // -------------------------------------------------------------- control
  logic out_end;      // the writer has ended
  assign rd_start  = begin_q && (in_q[READ] || (in_q[WORK] && is_mac && !job.empty));
  assign rd_ready  = in_q[READ] || (in_q[WORK] && mac_ready);
  assign mac_start = step_q == 4'd2 && in_q[WORK] && !is_wrap;
  assign wr_start  = begin_q && in_q[WRITE] && !started_q;
  assign wr_valid  = in_q[WRITE] && step_q >= 4'd2 && feed_some_q;
  assign out_end   = in_q[WRITE] && !begin_q && wr_idle;
  assign stop      = begin_q && in_q[FINISH];

  // What ends an operation where it is: a wipe, its queue's reset, a generator without entropy. Seen one cycle later.
  assign running = !((in_q[IDLE] || in_q[LOOK] || in_q[DECIDE] || in_q[FINISH] || in_q[DONE]));
  always_ff @(posedge clk) begin
    abort_q <= rst_ni && ((wipe_i && running) || (resetting_q && (in_q[READ] || in_q[ASK_RANDOM] || in_q[RANDOM] || in_q[WORK] || in_q[WRITE]))
                          || (rnd_error_i && (in_q[ASK_RANDOM] || in_q[RANDOM])));
    abort_status_q <= wipe_i ? STATUS_ZEROIZED : resetting_q ? STATUS_ABORTED : STATUS_NO_ENTROPY;
  end

  // What each state does next: nothing, or on to another, perhaps with a status.
  typedef struct packed {
    logic    go;
    states_t to;
    logic    says;
    status_e status;
  } move_t;
  function automatic move_t go(state_e to);
    return '{go: 1'b1, to: states_t'(1) << to, says: 1'b0, status: STATUS_OK};
  endfunction
  function automatic move_t stop_with(status_e status);
    return '{go: 1'b1, to: states_t'(1) << FINISH, says: 1'b1, status: status};
  endfunction
  move_t moves[STATES], move, after_read;
  assign after_read = go(op.random && !ec_q ? ASK_RANDOM : is_root || is_ecdh ? WORK : to_keys_q ? KEYS : CUT);
  always_comb begin
    for (int i = 0; i < int'(STATES); i++) moves[i] = '0;
    if (next_valid || ec_valid_i) moves[IDLE] = go(LOOK);
    if (step_q == 4'd8) moves[LOOK] = go(DECIDE);

    moves[DECIDE] = after_read;
    if (counts) moves[DECIDE] = go(CUT);
    if (is_query) moves[DECIDE] = go(WRITE);
    if (to_read_q) moves[DECIDE] = go(READ);
    if (ec_q) moves[DECIDE] = go(SECRET);
    if (!good_q) moves[DECIDE] = go(FINISH);
    moves[DECIDE].says   = 1'b1;
    moves[DECIDE].status = final_q;

    if (step_q == 4'd15) moves[SECRET] = to_read_q ? go(READ) : after_read;
    if (rd_idle && !begin_q) moves[READ] = rd_err && !is_verify ? stop_with(STATUS_DMA_SRC) : go(ALIGN);
    if (aligned) moves[ALIGN] = after_read;
    if (rnd_ask_o && rnd_ready_i) moves[ASK_RANDOM] = go(RANDOM);
    if (rnd_got && is_random) moves[RANDOM] = go(WRITE);
    else if (rnd_got && blocks_q == 5'd1) moves[RANDOM] = go(to_keys_q ? KEYS : CUT);
    if (step_q == 4'd3) moves[KEYS] = go(WORK);

    if (is_wrap) begin
      if (wrap_done) moves[WORK] = is_out ? go(WRITE) : blob_ok_q ? go(CUT) : stop_with(STATUS_BAD_BLOB);
    end else if (is_mac && !job.empty && !begin_q && rd_idle && rd_err) moves[WORK] = stop_with(STATUS_DMA_SRC);
    else if (mac_done) begin
      moves[WORK] = op.writes ? go(WRITE) : is_verify ? go(FINISH) : go(CUT);
      if (is_verify && !mac_ok) moves[WORK] = stop_with(STATUS_TAG_MISMATCH);
      if (is_verify && tag_bad_q) moves[WORK] = stop_with(STATUS_DMA_TAG);
    end

    if (out_end) moves[WRITE] = wr_err ? stop_with(STATUS_DMA_DST) : op.fills ? go(CUT) : go(FINISH);
    else if (!begin_q && is_random && !feed_some_q && random_some_q) moves[WRITE] = go(blocks_q != '0 ? RANDOM : ASK_RANDOM);
    if (step_q == 4'd3) moves[CUT] = go(PUT);
    if (put_done) moves[PUT] = counts ? after_read : go(FINISH);
    if (step_q >= 4'd6 && rd_idle && wr_idle && wrap_clean && blocks_q == '0) moves[FINISH] = go(DONE);
    if (cpl_ready_i) moves[DONE] = go(IDLE);

    move = '0;
    for (int i = 0; i < int'(STATES); i++) move |= moves[i] & {$bits(move_t){in_q[i]}};
    if (abort_q && running) move = stop_with(abort_status_q);
  end

  // ----------------------------------------------------------------- data
  logic wrapped_in, wrapped_out;
  assign wrapped_out = in_q[WORK] && wrap_done && is_out;
  assign wrapped_in  = in_q[WORK] && wrap_done && !is_out;
  always_comb begin
    side            = '0;
    side.zero       = in_q[FINISH];
    side.shift      = (in_q[READ] && rd_valid && !to_info) || (in_q[ALIGN] && !aligned) || (wr_valid && wr_ready);
    side.attributes = in_q[DECIDE] && is_query;
    side.derives    = in_q[DECIDE] && is_root;
    side.random     = in_q[RANDOM] && rnd_comes && !is_generate && !counts;
    side.head       = in_q[RANDOM] && rnd_comes && counts;
    side.mac        = in_q[WORK] && (mac_prk || (mac_first && is_mac));
    side.kwp        = wrapped_out && is_kwp_out;
    side.blob       = wrapped_out && !is_kwp_out;

    made             = '0;
    made.zero        = in_q[FINISH] || wrapped_out || (wrapped_in && !blob_ok_q);
    made.window      = in_q[DECIDE] && is_load && good_q;
    made.random_high = in_q[RANDOM] && rnd_comes && is_generate && blocks_q == 5'd1 && ask_q != 5'd1;
    made.random_low  = in_q[RANDOM] && rnd_comes && is_generate && !made.random_high;
    made.word        = in_q[SECRET];
    made.base        = in_q[KEYS] && step_q == 4'd2 && is_out;
    made.mac         = in_q[WORK] && mac_first && !is_mac;
    made.second_256  = in_q[WORK] && mac_second && job.alg == sha2_pkg::SHA_256;
    made.second_384  = in_q[WORK] && mac_second && job.alg != sha2_pkg::SHA_256;
    made.wrapped     = wrapped_in && blob_ok_q;
    made.cut         = in_q[CUT] && step_q == 4'd2;
  end
  assign secret_at_o = step_q;
  key_data u_data (
    .clk_i(clk), .rst_ni,
    .side_i(side), .made_i(made),
    .word_i(secret_i), .byte_i(in_q[READ] ? rd_data[7:0] : 8'd0), .attributes_i(attributes),
    .context_i({sub.aad1[23:16], sub.aad1[31:24], made_meta_q.domain}), .rnd_i, .mac_i(mac), .wrapped_i(wrapped), .tag_i(wrap_tag),
    .window_i, .base_i(base), .len_i(made_meta_q.key_len), .side_o(side_q), .moving_o(side_moving), .made_o(made_q)
  );

  assign wiped_o  = slots_wiped && settle_q == '0 && wr_idle;
  always_ff @(posedge clk) begin
    wiping_q <= rst_ni && wipe_i;
    sweep_q  <= sweep_q + 5'd1;
    settle_q <= !wipe_i ? 7'd80 : settle_q - 7'(settle_q != '0);
  end

  always_ff @(posedge clk) begin
    if (move.go) in_q <= move.to;
    if (move.says) status_q <= move.status;
    begin_q     <= move.go;
    step_q      <= move.go ? '0 : step_q + 4'(step_q != '1);
    resetting_q <= resetting_i[req.queue_idx[QW-1:0]];
    if (side.shift && !in_q[WRITE]) moved_q <= moved_q + 8'd1;
    if (wr_valid && wr_ready) begin
      feed_q      <= feed_q - 8'd1;
      feed_some_q <= feed_q != 8'd1;
    end
    random_some_q <= random_left_q != '0;
    if (rnd_ask_o && rnd_ready_i) blocks_q <= ask_q;
    else if (rnd_error_i || wipe_i) blocks_q <= '0;
    else if (rnd_got) blocks_q <= blocks_q - 5'd1;
    if (in_q[WORK] && wrap_ready) asked_q <= 1'b1;
    unique case (1'b1)
      in_q[IDLE]: begin
        moved_q   <= '0;
        started_q <= 1'b0;
        tag_bad_q <= 1'b0;
        asked_q   <= 1'b0;
        page_q    <= '0;
      end
      in_q[LOOK]: begin
        random_left_q <= sub.pay_len[16:0];
        if (step_q == 4'd3) begin
          meta_q <= read_meta;
          used_q <= read_used;
        end
        if (step_q == 4'd4) begin
          base_q      <= read_meta;
          base_used_q <= read_used;
        end
        made_meta_q <= made_meta;
      end
      in_q[DECIDE]: if (op.fills) used_q <= '0;
      in_q[READ]:
      if (rd_idle && !begin_q && rd_err) begin
        page_q    <= rd_page;
        tag_bad_q <= 1'b1;
      end
      in_q[WORK]: begin
        if (is_mac && rd_idle && !begin_q && rd_err && !job.empty) page_q <= rd_page;
        if (wrap_done && is_unwrap) begin
          made_meta_q.key_type   <= blob.key_type;
          // What the host has known it still knows.
          if (blob.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]}) made_meta_q.origin <= blob.origin;
          made_meta_q.usage_bits <= blob.usage_bits & sub.aad0[31:16];
          made_meta_q.iv_policy  <= blob.iv_policy;
          made_meta_q.key_len    <= blob.key_len;
          made_meta_q.limit      <= blob.limit;
          made_meta_q.label      <= {blob.label2, blob.label1, blob.label0};
          used_q                 <= blob.used;
        end
      end
      in_q[WRITE]: begin
        if (begin_q) begin
          started_q <= 1'b1;
          feed_some_q <= 1'b1;
          feed_q    <= is_random && random_left_q > 17'd32 ? 8'd32 : is_random ? random_left_q[7:0] : wr_bytes[7:0];
          if (is_random) random_left_q <= random_left_q > 17'd32 ? random_left_q - 17'd32 : '0;
        end
        if (out_end && wr_err) page_q <= wr_page;
      end
      default: ;
    endcase
    if (!rst_ni) begin
      in_q        <= states_t'(1) << IDLE;
      resetting_q <= 1'b0;
      begin_q     <= 1'b0;
      blocks_q    <= '0;
    end
  end

  logic dma;
  assign dma         = status_q inside {STATUS_DMA_SRC, STATUS_DMA_DST, STATUS_DMA_TAG};
  assign cpl_valid_o = in_q[DONE];
  assign cpl_o = '{
    queue_idx: req.queue_idx, cookie: sub.cookie, status: status_q,
    bytes: status_q == STATUS_OK && op.writes ? wr_bytes : '0,
    result: dma ? {64'd0, page_q, 12'd0} : status_q == STATUS_OK && op.fills ? 128'(made_meta_q.generation) : '0
  };
endmodule
