// SPDX-License-Identifier: Apache-2.0
//
// A noise source for the ECP5: rings of inverters, sampled by the clock and folded into bits. NOT EXERCISED IN
// SIMULATION, which has no jitter, and not assessed: before its words are credited with entropy, raw samples of the
// part and placement in use must go through SP 800-90B's estimators, which give H for entropy_health and drbg.
// The file is empty to Verilator; yosys and nextpnr take it and keep the rings.
//
// Data format. raw_o has the first bit sampled in bit 0.
`ifndef VERILATOR
module ro_source #(
  parameter int unsigned RINGS  = 8,   // folded into one bit
  parameter int unsigned STAGES = 5,   // inverters a ring: odd
  parameter int unsigned DIVIDE = 64   // cycles a bit: time for jitter to add up
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  output logic        raw_valid_o,
  input  logic        raw_ready_i,
  output logic [31:0] raw_o
);
  if (STAGES % 2 == 0 || STAGES < 3) begin : g_check
    $error("STAGES must be odd and at least 3");
  end

  logic [RINGS-1:0] meta_q, sample_q;
  for (genvar r = 0; r < RINGS; r++) begin : g_ring
    // One LUT a stage, by name: logic optimisation would leave one inverter of a ring, or none.
    (* keep *) logic [STAGES-1:0] node;
    for (genvar s = 0; s < STAGES; s++) begin : g_stage
      (* keep *) LUT4 #(.INIT(16'h5555)) u_inverter (
        .A(node[(s + STAGES - 1) % STAGES]), .B(1'b0), .C(1'b0), .D(1'b0), .Z(node[s])
      );
    end
    always_ff @(posedge clk_i) meta_q[r] <= node[0];
  end

  logic [$clog2(DIVIDE+1)-1:0] wait_q;
  logic [4:0] bit_q;
  always_ff @(posedge clk_i) begin
    sample_q <= meta_q;
    if (raw_valid_o) begin
      if (raw_ready_i) begin
        raw_valid_o <= 1'b0;
        raw_o       <= '0;
      end
    end else if (wait_q == $bits(wait_q)'(DIVIDE - 1)) begin
      wait_q      <= '0;
      bit_q       <= bit_q + 5'd1;
      raw_o       <= {^sample_q, raw_o[31:1]};
      raw_valid_o <= bit_q == 5'd31;
    end else begin
      wait_q <= wait_q + $bits(wait_q)'(1);
    end
    if (!rst_ni) begin
      wait_q      <= '0;
      bit_q       <= '0;
      raw_o       <= '0;
      raw_valid_o <= 1'b0;
    end
  end
endmodule

// Lattice's primitive, for the front end; yosys has its own.
(* blackbox *)
module LUT4 #(
  parameter logic [15:0] INIT = 16'h0
) (
  input  logic A, B, C, D,
  output logic Z
);
endmodule
`endif
