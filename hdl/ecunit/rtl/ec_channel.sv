// SPDX-License-Identifier: Apache-2.0
//
// One elliptic-curve engine with what it takes to serve requests of abi/README.md, Elliptic curves, one after another:
//   LOOK      public halves of slot and second slot; key_guard's decision
//   FETCH     the private key to a memory of its own
//   COUNT     a signature counts
//   READ      point, signature, digest from memory
//   TEST      before the first request that gets here after a reset: a known answer
//   RUN       the engine
//   WRITE     public key, signature or raw secret to memory
//   HAND      EC_GENERATE, EC_ECDH: request and secret to the key unit, which fills the slot and answers
//   FINISH    everything is zero before the completion is offered
//
// held_o: it has a copy of the key in slot held_slot_o, which that slot's next change waits for.
//
// What the engine marks as secret goes to the key unit, and with EC_RAW alone to memory. A wipe, a reset of the queue and a generator without
// entropy end a request wherever it is; from HAND on it is the key unit that does.
module ec_channel
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
  import ec_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned QUEUES = 8,
  localparam int unsigned BYTES  = DW / 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              wipe_i,         // zeroize: stays until reset
  output logic              wiped_o,
  output logic              idle_o,         // at rest
  output logic              test_failed_o,  // until reset
  input  logic              test_fault_i,   // for tests: the known answer is taken for wrong
  input  logic              ec_fault_i,     // for tests: a wrong bit within the engine
  input  logic              req_valid_i,
  output logic              req_ready_o,
  input  key_req_t          req_i,
  input  logic [QUEUES-1:0] resetting_i,
  // Slots.
  input  logic              turn_i,         // among the channels: answers are for this one
  output ec_ask_t           ask_o,
  input  ec_answer_t        answer_i,
  output logic              held_o,
  output logic [15:0]       held_slot_o,
  // Random blocks of four words, one at a time: what was asked for comes, and is taken.
  output logic              rnd_ask_o,
  input  logic              rnd_ready_i,
  input  logic              rnd_valid_i,
  output logic              rnd_take_o,
  input  logic [63:0]       rnd_i,
  input  logic              rnd_error_i,    // final
  // Key unit: ready when it has answered. The secret as slots keep it: a word in the cycle of its number.
  output logic              key_valid_o,
  input  logic              key_ready_i,
  output key_req_t          key_o,
  input  logic [2:0]        secret_at_i,
  output logic [63:0]       secret_o,
  // Memory.
  output logic              ar_valid_o,
  input  logic              ar_ready_i,
  output axi_ar_t           ar_o,
  input  logic              r_valid_i,
  input  logic [DW-1:0]     r_data_i,
  input  logic              r_err_i,
  input  logic              r_last_i,
  output logic              aw_valid_o,
  input  logic              aw_ready_i,
  output axi_aw_t           aw_o,
  output logic              w_valid_o,
  input  logic              w_ready_i,
  output logic [DW-1:0]     w_data_o,
  output logic [BYTES-1:0]  w_strb_o,
  input  logic              b_valid_i,
  input  logic              b_err_i,
  output logic              cpl_valid_o,
  input  logic              cpl_ready_i,
  output cpl_t              cpl_o
);
  typedef enum logic [3:0] {IDLE, LOOK, FETCH, COUNT, READ, TEST, RUN, WRITE, HAND, FINISH, DONE} state_e;
  state_e      state_q;
  logic        begin_q;          // first cycle of a state
  logic [3:0]  step_q;           // cycles in a state; of those in LOOK with the slots' port
  key_req_t    req;
  submission_t sub;
  status_e     status_q;
  logic [51:0] page_q;
  assign sub = req.sub;

  // -------------------------------------------------------- of the descriptor
  /* verilator lint_off UNUSEDSIGNAL */  // some of it is for the checks
  op_t         op;
  /* verilator lint_on UNUSEDSIGNAL */
  logic        is_sign, is_verify, is_generate, is_ecdh, is_raw, keyed, slotted, p384;
  logic [15:0] key_slot;
  logic [31:0] out_bytes;
  slot_meta_t  meta_q, base_q;
  logic [31:0] used_q;
  assign slotted  = op.slotted;
  assign key_slot = is_ecdh ? sub.aad2[15:0] : sub.slot;
  always_ff @(posedge clk_i) begin
    op          <= op_of(sub, 1'b1);
    is_sign     <= sub.opcode == OPCODE_EC_SIGN;
    is_verify   <= sub.opcode == OPCODE_EC_VERIFY;
    is_generate <= sub.opcode == OPCODE_EC_GENERATE;
    is_ecdh     <= sub.opcode == OPCODE_EC_ECDH;
    is_raw      <= sub.opcode == OPCODE_EC_RAW;
    keyed       <= sub.opcode inside {OPCODE_EC_SIGN, OPCODE_EC_PUBLIC, OPCODE_EC_ECDH, OPCODE_EC_RAW};
    p384        <= (is_ecdh ? base_q.key_type : keyed ? meta_q.key_type : sub.aad0[7:0]) == KEY_TYPE_P384;
    out_bytes   <= is_raw ? (p384 ? 32'd48 : 32'd32) : (p384 ? 32'd96 : 32'd64);
  end

  // What ends a request wherever it is, seen a cycle later.
  logic    resetting_q, wrong_q, ends;
  status_e wrong_status_q;
  always_ff @(posedge clk_i) begin
    resetting_q    <= rst_ni && state_q != IDLE && resetting_i[req.queue_idx[QW-1:0]];
    wrong_q        <= rst_ni && (wipe_i || resetting_q || (rnd_error_i && op.random && state_q == RUN));
    wrong_status_q <= wipe_i ? STATUS_ZEROIZED : resetting_q ? STATUS_ABORTED : STATUS_NO_ENTROPY;
  end
  assign ends = wrong_q && !begin_q && !(state_q inside {IDLE, HAND, FINISH, DONE});

  // ------------------------------------------------------------------- slots
  status_e verdict, verdict_q;
  logic    port;
  /* verilator lint_off PINCONNECTEMPTY */
  key_guard #(.SLOTS(SLOTS), .EC(1'b1)) u_guard (
    .clk_i, .sub_i(sub), .officer_i(req.queue_idx == '0), .domain_i(req.domain), .sealed_i(1'b0), .window_i('0),
    .meta_i(meta_q), .used_i(used_q), .base_i(base_q), .base_used_i('0), .status_o(verdict), .made_o()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  logic [15:0] slot_q;
  logic        asks;
  logic [2:0]  came_q;           // words of the key
  assign port = asks && turn_i && answer_i.grant;
  assign asks = slotted && ((state_q == LOOK && !begin_q) || state_q == FETCH || state_q == COUNT);
  assign ask_o = '{
    ask: asks, slot: slot_q, fetch: state_q == FETCH && step_q == 4'd1, busy: port, key_slot: key_slot,
    count: state_q == COUNT && !begin_q, used: used_q + 32'd1
  };
  always_ff @(posedge clk_i) begin
    slot_q    <= state_q == LOOK ? (step_q == '0 ? sub.slot : sub.aad2[15:0]) : key_slot;
    verdict_q <= req.status != STATUS_OK ? req.status : verdict;
  end

  // The private key, and after it the secret that the engine makes: words of 8 bytes, by halves. A wipe and FINISH overwrite all of it.
  (* ram_style = "distributed" *) logic [31:0] low[8], high[8];
  logic [1:0]  key_we;
  logic [2:0]  key_to;
  logic [63:0] key_data;
  logic [3:0]  key_at, nonce_key_at, out_word_q, out_to;
  logic        zero, secret_in, out_valid, out_ready, out_secret, buffer_out_ready;
  logic [31:0] out;
  logic [8:0]  sweep_q;
  assign zero      = !sweep_q[8];
  assign secret_in = state_q == RUN && out_valid && out_secret && !is_raw;
  assign out_to    = (p384 ? 4'd11 : 4'd7) - out_word_q;   // the lowest word is the string's last
  always_comb begin
    key_we   = {out_to[0], !out_to[0]} & {2{secret_in}};
    key_to   = out_to[3:1];
    key_data = {2{out[7:0], out[15:8], out[23:16], out[31:24]}};
    if (state_q == FETCH) begin
      key_we   = {2{answer_i.valid}};
      key_to   = came_q;
      key_data = answer_i.word;
    end
    if (zero) begin
      key_we   = '1;
      key_to   = sweep_q[2:0];
      key_data = '0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (key_we[0]) low[key_to] <= key_data[31:0];
    if (key_we[1]) high[key_to] <= key_data[63:32];
    if (state_q != RUN) out_word_q <= '0;
    else if (secret_in) out_word_q <= out_word_q + 4'd1;
    came_q <= state_q == FETCH ? came_q + 3'(answer_i.valid) : '0;
  end
  logic [2:0]  key_word;
  logic [31:0] key_half, nonce_key_half;
  assign key_word       = state_q == HAND ? secret_at_i : key_at[3:1];
  assign key_half       = key_at[0] ? high[key_word] : low[key_word];
  assign nonce_key_half = nonce_key_at[0] ? high[nonce_key_at[3:1]] : low[nonce_key_at[3:1]];
  assign secret_o       = {high[key_word], low[key_word]} & {64{state_q == HAND}};

  // ------------------------------------------------------------------ memory
  logic        rd_start, rd_idle, rd_err, rd_valid, wr_start, wr_idle, wr_err, wr_valid, wr_ready, stop;
  /* verilator lint_off UNUSEDSIGNAL */  // byte by byte
  logic [63:0] rd_data;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [51:0] rd_page, wr_page;
  logic [31:0] rd_bytes;
  logic [7:0]  byte_out;
  /* verilator lint_off PINCONNECTEMPTY */
  key_read #(.DW(DW)) u_read (
    .clk_i, .rst_ni, .wipe_i,
    .start_i(rd_start), .addr_i({sub.src_hi, sub.src_lo}), .bytes_i(rd_bytes), .single_i(1'b1), .stop_i(stop),
    .idle_o(rd_idle), .err_o(rd_err), .page_o(rd_page),
    .out_valid_o(rd_valid), .out_ready_i(1'b1), .out_data_o(rd_data), .out_bytes_o(), .out_last_o(),
    .ar_valid_o, .ar_ready_i, .ar_o, .r_valid_i, .r_data_i, .r_err_i, .r_last_i
  );
  /* verilator lint_on PINCONNECTEMPTY */
  key_write #(.DW(DW)) u_write (
    .clk_i, .rst_ni, .wipe_i,
    .start_i(wr_start), .addr_i({sub.dst_hi, sub.dst_lo}), .bytes_i(out_bytes), .stop_i(stop),
    .idle_o(wr_idle), .err_o(wr_err), .page_o(wr_page),
    .in_valid_i(wr_valid), .in_ready_o(wr_ready), .in_i(byte_out),
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i
  );
  assign rd_bytes = is_ecdh ? (p384 ? 32'd96 : 32'd64) : sub.pay_len;   // of EC_ECDH the rest is the key unit's
  assign rd_start = begin_q && state_q == READ;
  assign wr_start = begin_q && state_q == WRITE;
  assign stop     = begin_q && state_q == FINISH;

  logic        word_valid, word_ready, to_buffer;
  logic [31:0] word;
  logic [1:0]  gap_q;            // until the next byte is there
  assign wr_valid  = state_q == WRITE && !begin_q && gap_q == '0;
  assign to_buffer = state_q == RUN && out_valid && !secret_in;
  assign out_ready = !to_buffer || buffer_out_ready;
  ec_buffer u_buffer (
    .clk_i, .rst_ni, .zero_i(zero),
    .p384_i(p384), .verify_i(is_verify), .sign_i(is_sign), .bytes_i(sub.pay_len[8:0]),
    .put_i(state_q == READ && rd_valid), .put_data_i(rd_data[7:0]),
    .feed_i(state_q == RUN && op.reads), .word_valid_o(word_valid), .word_ready_i(word_ready), .word_o(word),
    .out_valid_i(to_buffer), .out_ready_o(buffer_out_ready), .out_i(out),
    .get_i(wr_valid && wr_ready), .get_data_o(byte_out)
  );
  always_ff @(posedge clk_i) gap_q <= state_q != WRITE || (wr_valid && wr_ready) ? 2'd2 : gap_q - 2'(gap_q != '0);

  // ------------------------------------------------------------------ engine
  logic        started_q, engine_ready, in_ready, clean, done, clear, testing, test_done, test_ok, test_in_valid;
  logic [31:0] test_in, test_key, test_nonce_key;
  logic [1:0]  options;
  ec_op_e      ec_op;
  ec_status_e  ec_status;
  assign testing    = state_q == TEST;
  assign options    = is_ecdh ? base_q.iv_policy : meta_q.iv_policy;
  assign word_ready = state_q == RUN && in_ready;
  always_comb begin
    unique case (sub.opcode)
      OPCODE_EC_VERIFY:              ec_op = EC_VERIFY;
      OPCODE_EC_PUBLIC:              ec_op = EC_PUBLIC_KEY;
      OPCODE_EC_CHECK:               ec_op = EC_CHECK_POINT;
      OPCODE_EC_GENERATE:            ec_op = EC_KEYGEN;
      OPCODE_EC_ECDH, OPCODE_EC_RAW: ec_op = EC_ECDH;
      default:                       ec_op = EC_SIGN;
    endcase
    if (testing) ec_op = EC_SIGN;
  end
  logic [4:0] digest_words;
  assign digest_words = is_verify ? 5'((sub.pay_len[8:0] - (p384 ? 9'd192 : 9'd128)) >> 2) : sub.pay_len[6:2];
  logic         block_ready, block_valid, rnd_due_q;   // rnd_due_q: asked for and not all here
  logic [2:0]   rnd_words_q;                           // of the block, that are here
  logic [255:0] block_q;
  ec_engine u_engine (
    .clk_i, .rst_ni, .clear_i(clear), .clean_o(clean),
    .req_valid_i((state_q == RUN || testing) && !started_q && !begin_q), .req_ready_o(engine_ready),
    .req_op_i(ec_op), .req_p384_i(p384 && !testing),
    .req_alg_i(testing ? sha2_pkg::SHA_256 : sha2_pkg::alg_e'(sub.aad3[17:16] - 2'd1)),
    .req_deterministic_i(testing || (is_sign && sub.aad3[0])),
    .req_verify_i(!testing && is_sign && options[EC_OPTIONS_VERIFY]),
    .req_blind_i(!testing && keyed && options[EC_OPTIONS_BLIND]),
    .req_digest_words_i(testing ? 5'd8 : digest_words),
    .key_at_o(key_at), .key_i(testing ? test_key : key_half),
    .nonce_key_at_o(nonce_key_at), .nonce_key_i(testing ? test_nonce_key : nonce_key_half),
    .in_valid_i(testing ? test_in_valid : word_valid && state_q == RUN), .in_ready_o(in_ready), .in_i(testing ? test_in : word),
    .random_valid_i(block_valid), .random_ready_o(block_ready), .random_i(testing ? {8{32'h5a5a_5a5a}} : block_q),
    .out_valid_o(out_valid), .out_ready_i(testing || (state_q == RUN && out_ready)), .out_o(out), .out_secret_o(out_secret),
    .done_o(done), .ack_i(1'b1), .status_o(ec_status), .fault_i(ec_fault_i)
  );
  ec_selftest u_test (
    .clk_i, .rst_ni, .run_i(testing), .done_o(test_done), .ok_o(test_ok), .fault_i(test_fault_i), .started_i(started_q),
    .key_at_i(key_at[2:0]), .key_o(test_key), .nonce_key_at_i(nonce_key_at[2:0]), .nonce_key_o(test_nonce_key),
    .in_valid_o(test_in_valid), .in_ready_i(in_ready), .in_o(test_in), .out_valid_i(testing && out_valid), .out_i(out),
    .done_i(done), .good_i(ec_status == EC_OK)
  );
  assign test_failed_o = test_done && !test_ok;

  // The known answer's blocks are constant: it does not depend on them.
  assign rnd_ask_o   = state_q == RUN && block_ready && !rnd_due_q && !rnd_words_q[2] && !wrong_q;
  assign rnd_take_o  = rnd_valid_i && rnd_due_q;
  assign block_valid = testing ? block_ready : rnd_words_q[2];
  always_ff @(posedge clk_i) begin
    if (rnd_ask_o && rnd_ready_i) rnd_due_q <= 1'b1;
    else if ((rnd_take_o && rnd_words_q == 3'd3) || wipe_i || rnd_error_i) rnd_due_q <= 1'b0;
    if (rnd_take_o) begin
      block_q     <= {rnd_i, block_q[255:64]};
      rnd_words_q <= rnd_words_q + 3'd1;
    end
    if ((block_valid && block_ready) || state_q inside {IDLE, DONE} || wipe_i || !rst_ni) begin
      block_q     <= '0;
      rnd_words_q <= '0;
    end
    if (!rst_ni) rnd_due_q <= 1'b0;
  end

  // ----------------------------------------------------------------- control
  logic [3:0] settle_q;          // of a wipe: until requests have seen it
  logic       wiping_q, held_q;
  assign clear       = (wipe_i && !wiping_q) || (begin_q && state_q == FINISH);
  assign idle_o      = state_q == IDLE && !zero && clean && rd_idle && wr_idle;
  assign wiped_o     = wiping_q && settle_q == '0 && !zero && clean && wr_idle;
  assign req_ready_o = state_q == IDLE && !zero && clean;
  assign held_o      = held_q;
  assign held_slot_o = key_slot;
  assign key_valid_o = state_q == HAND;
  assign key_o       = req;

  state_e     next, after_read;
  logic       go, says;
  status_e    said;
  logic       handed_q;          // the key unit has answered
  assign after_read = test_done ? RUN : TEST;
  always_comb begin
    go   = 1'b0;
    next = state_q;
    says = 1'b0;
    said = STATUS_OK;
    unique case (state_q)
      IDLE:
      if (req_valid_i && req_ready_o) begin
        {go, next}   = {1'b1, wiping_q ? DONE : LOOK};
        {says, said} = {1'b1, STATUS_ZEROIZED};
      end
      LOOK:
      if (step_q == 4'd11) begin
        {go, next}   = {1'b1, keyed ? FETCH : op.reads ? READ : after_read};
        {says, said} = {1'b1, verdict_q};
        if (verdict_q != STATUS_OK) next = FINISH;
      end
      FETCH: if (step_q == 4'd15) {go, next} = {1'b1, is_sign ? COUNT : op.reads ? READ : after_read};
      COUNT: if (answer_i.counted && !begin_q) {go, next} = {1'b1, READ};
      READ:
      if (rd_idle && !begin_q) begin
        {go, next} = {1'b1, after_read};
        if (rd_err) {next, says, said} = {FINISH, 1'b1, STATUS_DMA_SRC};
      end
      // A failed test zeroizes the device, and that ends the request.
      TEST: if (test_done && test_ok && clean) {go, next} = {1'b1, RUN};
      RUN:
      if (done) begin
        {go, next} = {1'b1, FINISH};
        says       = 1'b1;
        unique case (ec_status)
          EC_OK:        if (op.writes) next = WRITE; else if (is_ecdh) next = HAND;
          EC_SIGNATURE: said = STATUS_BAD_SIGNATURE;
          EC_POINT:     said = STATUS_BAD_POINT;
          EC_KEY:       said = STATUS_BAD_SCALAR;
          default:      said = STATUS_EC_FAULT;
        endcase
      end
      WRITE:
      if (wr_idle && !begin_q && step_q >= 4'd2) begin
        {go, next} = {1'b1, is_generate ? HAND : FINISH};
        if (wr_err) {next, says, said} = {FINISH, 1'b1, STATUS_DMA_DST};
      end
      HAND: if (key_ready_i) {go, next} = {1'b1, FINISH};
      FINISH: if (!begin_q && !zero && clean && rd_idle && wr_idle && !rnd_due_q) {go, next} = {1'b1, handed_q ? IDLE : DONE};
      DONE: if (cpl_ready_i) {go, next} = {1'b1, IDLE};
      default: {go, next} = {1'b1, IDLE};
    endcase
    if (ends) {go, next, says, said} = {1'b1, FINISH, 1'b1, wrong_status_q};
  end
  always_ff @(posedge clk_i) begin
    begin_q  <= go;
    step_q   <= go || (state_q == LOOK && (begin_q || (slotted && !port))) ? '0 : step_q + 4'(step_q != '1);
    wiping_q <= rst_ni && wipe_i;
    settle_q <= !wipe_i ? 4'd15 : settle_q - 4'(settle_q != '0);
    if (go) state_q <= next;
    if (says) status_q <= said;
    if (clear) sweep_q <= '0;
    else if (zero) sweep_q <= sweep_q + 9'd1;
    if (state_q == IDLE) begin
      req      <= req_i;
      page_q   <= '0;
      handed_q <= 1'b0;
    end
    if (state_q == LOOK && step_q == 4'd4) begin
      meta_q <= answer_i.meta;
      used_q <= answer_i.used;
    end
    if (state_q == LOOK && step_q == 4'd6) base_q <= answer_i.meta;
    if (state_q == READ && rd_idle && !begin_q && rd_err) page_q <= rd_page;
    if (state_q == WRITE && wr_idle && !begin_q && wr_err) page_q <= wr_page;
    if (state_q == HAND && key_ready_i) handed_q <= 1'b1;
    if (begin_q) started_q <= 1'b0;
    else if ((state_q == RUN || testing) && engine_ready) started_q <= 1'b1;
    if (state_q == FETCH) held_q <= 1'b1;
    else if (state_q == IDLE || (clean && !zero && state_q inside {HAND, DONE})) held_q <= 1'b0;
    if (!rst_ni) begin
      state_q   <= IDLE;
      begin_q   <= 1'b0;
      sweep_q   <= '0;
      held_q    <= 1'b0;
      started_q <= 1'b0;
    end
  end

  assign cpl_valid_o = state_q == DONE;
  logic dma;
  assign dma   = status_q inside {STATUS_DMA_SRC, STATUS_DMA_DST};
  assign cpl_o = '{
    queue_idx: req.queue_idx, cookie: sub.cookie, status: status_q,
    bytes: status_q == STATUS_OK && op.writes ? out_bytes : '0, result: dma ? {64'd0, page_q, 12'd0} : '0
  };
endmodule
