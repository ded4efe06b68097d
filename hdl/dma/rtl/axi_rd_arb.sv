// SPDX-License-Identifier: Apache-2.0
//
// Read channels of PORTS users on one AXI4 master, round robin; answers go back by the id's upper bits, registered once.
module axi_rd_arb
  import casemate_pkg::*;
#(
  parameter int unsigned DW    = 256,
  parameter int unsigned PORTS = 2
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic [PORTS-1:0]     ar_valid_i,
  output logic [PORTS-1:0]     ar_ready_o,
  input  axi_ar_t              ar_i[PORTS],
  output logic [PORTS-1:0]     r_valid_o,
  output logic [AXI_TAG_W-1:0] r_tag_o,
  output logic [DW-1:0]        r_data_o,
  output logic                 r_err_o,
  output logic                 r_last_o,
  output logic                 m_arvalid_o,
  input  logic                 m_arready_i,
  output logic [AXI_ID_W-1:0]  m_arid_o,
  output logic [63:0]          m_araddr_o,
  output logic [7:0]           m_arlen_o,
  input  logic                 m_rvalid_i,
  output logic                 m_rready_o,
  input  logic [AXI_ID_W-1:0]  m_rid_i,
  input  logic [DW-1:0]        m_rdata_i,
  input  logic                 m_rerr_i,
  input  logic                 m_rlast_i
);
  localparam int unsigned PW = AXI_ID_W - AXI_TAG_W;
  logic [PW-1:0] last_q, pick;
  logic          any, free;
  assign free = !m_arvalid_o || m_arready_i;
  always_comb begin
    pick = '0;
    any  = 1'b0;
    // The next one after the last served; the first loop's answer stands if there is one past it.
    for (int p = int'(PORTS) - 1; p >= 0; p--) if (ar_valid_i[p]) begin
      pick = PW'(p);
      any  = 1'b1;
    end
    for (int p = int'(PORTS) - 1; p >= 0; p--) if (ar_valid_i[p] && PW'(p) > last_q) pick = PW'(p);
    for (int p = 0; p < int'(PORTS); p++) ar_ready_o[p] = free && any && pick == PW'(p);
  end
  axi_ar_t picked;
  always_comb begin
    picked = ar_i[0];
    for (int p = 1; p < int'(PORTS); p++) if (pick == PW'(p)) picked = ar_i[p];
  end
  always_ff @(posedge clk_i) begin
    if (free) begin
      m_arvalid_o <= any;
      if (any) begin
        last_q     <= pick;
        m_arid_o   <= {pick, picked.tag};
        m_araddr_o <= picked.addr;
        m_arlen_o  <= picked.len;
      end
    end
    for (int p = 0; p < int'(PORTS); p++) r_valid_o[p] <= rst_ni && m_rvalid_i && m_rid_i[AXI_ID_W-1:AXI_TAG_W] == PW'(p);
    r_tag_o  <= m_rid_i[AXI_TAG_W-1:0];
    r_data_o <= m_rvalid_i ? m_rdata_i : '0;  // what was read stays nowhere
    r_err_o  <= m_rerr_i;
    r_last_o <= m_rlast_i;
    if (!rst_ni) begin
      m_arvalid_o <= 1'b0;
      last_q      <= '0;
    end
  end
  assign m_rready_o = 1'b1;
endmodule
