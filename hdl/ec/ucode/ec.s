; SPDX-License-Identifier: Apache-2.0
;
; Microcode of the elliptic-curve engine: README.md, "Microcode", has the language. Field elements are in Montgomery form and not reduced:
; asm.py's checker bounds them. RCB is Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves" (2016).

.reg X Y Z Z3 e               ; the accumulator; during point operations Z is Z3 + e, added up late
.reg x2 y2 z2                 ; the other point
.reg t0 t1 t2 t3 t4 yy z1 w1 w3 B p m u v z a c s1 s2
.reg f g h                    ; final reduction
.reg d k r s hash km rm dm zm lam mask qx qy x y inv
.reg T[80]                    ; multiples of a public key; powers

; ---- entries, by operation
  jmp sign
  jmp verify
  jmp pubkey
  jmp keygen
  jmp check_point
  jmp ecdh

; ---- sign (FIPS 186-5, 6.4.1)
sign:
  modulus n
  f = in digest
  call reduce
  hash = f
  nonce start
  out hash 1
  ; while the nonce is being made
  d = in key
  call check_d
  dm = d * #R2
  zm = hash * #R2
  call randomize
  modulus n
sign_nonce:
  k = in nonce
  g = compare k #m
  br carry sign_reject
  t0 = canon k
  br zero sign_reject
  br blind sign_blind
  call comb_odd
sign_point:
  call affine
  call on_curve
  f = x
  call final_p
  modulus n
  call reduce
  br zero fault
  r = f
  mask = #R                     ; one
  br blind sign_mask
sign_masked:
  km = k * #R2
  rm = r * #R2
  km = km * mask
  dm = dm * mask
  zm = zm * mask
  call invert_n
  t0 = rm * dm
  t0 = t0 + zm
  f = inv * t0
  call final_n
  br zero fault
  s = f
  ; s k = hash + r d, with what is kept in the memory read and multiplied again
  t0 = s * #R2
  km = k * #R2
  dm = d * #R2
  zm = hash * #R2
  rm = r * #R2
  km = km * mask
  dm = dm * mask
  zm = zm * mask
  t0 = t0 * km
  t1 = dm * rm
  f = t0 - t1 - zm
  call final_n
  br nzero fault
  br verify sign_verify
sign_out:
  out r
  out s
  halt ok
sign_reject:
  nonce reject
  jmp sign_nonce
sign_blind:
  call comb_split
  jmp sign_point
sign_mask:
  mask = in random
  jmp sign_masked
; the signature by the public key, made anew
sign_verify:
  d = in key
  k = d
  call randomize
  call comb_secret
  call affine
  call on_curve
  qx = x
  qy = y
  public r s qx qy
  call check_signature
  jmp sign_out
fault:
  halt fault

; ---- private keys: 1 to n - 1
check_d:
  modulus n
  g = compare d #one
  br ncarry bad_key
  g = compare d #m
  br carry bad_key
  ret
bad_key:
  halt key

pubkey:
  d = in key
  call check_d
  k = d
  call public_point
  out r
  out s
  halt ok
; r, s = x and y of k G
public_point:
  call randomize
  call comb_secret
  call affine
  call on_curve
  f = x
  call final_p
  r = f
  f = y
  call final_p
  br zero fault                 ; y is never zero: the order is odd
  s = f
  ret

; rejection sampling (FIPS 186-5, A.2.2)
keygen:
  d = in random
  modulus n
  g = compare d #one
  br ncarry keygen
  g = compare d #m
  br carry keygen
  k = d
  call public_point
  out d 2
  out r
  out s
  halt ok

; ---- points from outside: SP 800-56A Rev. 3, 5.6.2.3.3; the cofactor is 1
get_point:
  x = in word
  y = in word
  modulus p
  g = compare x #m
  br carry bad_point
  g = compare y #m
  br carry bad_point
  x = x * #R2
  y = y * #R2
  qx = x
  qy = y
  call curve_equation
  br nzero bad_point
  ret
bad_point:
  halt point

check_point:
  call get_point
  halt ok

ecdh:
  d = in key
  call check_d
  call get_point
  k = d
  call randomize
  br blind ecdh_blind
  call multiply_q
ecdh_point:
  call affine
  call on_curve
  f = x
  call final_p
  out f 2
  halt ok
ecdh_blind:
  call split
  call multiply_q
  call split_next
  call multiply_q
  call split_sum
  jmp ecdh_point

; ---- verify (FIPS 186-5, 6.4.2)
verify:
  r = in word
  s = in word
  modulus n
  g = compare r #one
  br ncarry bad_signature
  g = compare r #m
  br carry bad_signature
  g = compare s #one
  br ncarry bad_signature
  g = compare s #m
  br carry bad_signature
  call get_point
  hash = in digest
  call check_signature
  halt ok
; r, s, of hash, by (qx, qy)
check_signature:
  modulus n
  km = s * #R2
  call invert_n
  f = inv * hash
  km = inv * r
  call fold_n
  d = f
  f = km
  call fold_n
  k = f
  call joint
  f = Z
  call final_p
  br zero verify_slow
  Z = Z * Z
  jmp compare_x
; An addition of joint's was one that its formulas do not have. The complete ones have all.
verify_slow:
  call randomize
  call multiply_q
  Z = Z3 + e
  T[0] = X
  T[1] = Y
  T[2] = Z
  k = d
  call randomize
  call comb
  x2 = T[0]
  y2 = T[1]
  z2 = T[2]
  call add
  Z = Z3 + e
  f = Z
  call final_p
  br zero bad_signature
  jmp compare_x
bad_signature:
  br verify fault               ; the engine's own
  halt signature

; returns if r, or r + n where that is below p, is X / Z
compare_x:
  modulus p
  rm = r * #R2
  f = rm * Z
  f = f -16 X
  call final_p
  br zero compare_yes
  modulus n
  t0 = r + #m
  t0 = canon t0
  modulus p
  g = compare t0 #m
  br carry bad_signature
  rm = t0 * #R2
  f = rm * Z
  f = f -16 X
  call final_p
  br nzero bad_signature
compare_yes:
  ret

; ---- final reduction: f out of Montgomery form, below the modulus, canonical; carry and zero as of canon
final_p:
  modulus p
  f = f * #one
  br p384 final_p384
  jmp reduce                    ; P-256's Mt is p itself
final_p384:
  plain
  call fold
  modulus p
  jmp reduce
final_n:
  modulus n
  f = f * #one
fold_n:                         ; f is below m 2^68: its top, times 2^bits - m, which is short
  plain
  call fold
  br p384 folded_n
  call fold
  call fold
folded_n:
  modulus n
reduce:                         ; f is below 2 m
  g = compare f #m
  f = g?carry + f?ncarry
  f = canon f
  ret
fold:
  g = high f
  h = low f
  g = g * #c
  f = g + h
  ret

; ---- inverses by Fermat: inv = km ^ (n - 2); inv = Z ^ (p - 2)
invert_n:
  br p384 invert_n384
  inv = power km T n256-2
  ret
invert_n384:
  inv = power km T n384-2
  ret

affine:
  Z = Z3 + e
  modulus p
  T[79] = Z * Z
  T[79] = T[79] * Z               ; ones: 2
  t1 = T[79] * T[79]
  t1 = t1 * Z                   ; 3
  t2 = t1
  square t2 3
  t2 = t2 * t1                  ; 6
  t3 = t2
  square t3 6
  t3 = t3 * t2                  ; 12
  square t3 3
  t3 = t3 * t1                  ; 15
  t4 = t3
  square t4 15
  t4 = t4 * t3                  ; 30
  inv = t4
  square inv 2
  inv = inv * T[79]              ; 32
  t2 = inv
  br p384 affine_384
  square t2 32
  t2 = t2 * Z
  square t2 128
  t2 = t2 * inv
  square t2 32
  t2 = t2 * inv
  jmp affine_last
affine_384:
  t2 = t4
  square t2 30
  t2 = t2 * t4                  ; 60
  t0 = t2
  square t0 60
  t0 = t0 * t2                  ; 120
  t2 = t0
  square t2 120
  t2 = t2 * t0                  ; 240
  square t2 15
  t2 = t2 * t3                  ; 255
  square t2 33
  t2 = t2 * inv
  square t2 64
affine_last:
  square t2 30
  t2 = t2 * t4
  square t2 2
  inv = t2 * Z
  x = X * inv
  y = Y * inv
  ret

; halts unless (x, y) is on the curve: in doubt a fault, infinity too
on_curve:
  call curve_equation
  br nzero fault
  ret
curve_equation:
  t0 = x * x
  t1 = y * y
  t0 = t0 - #three
  t0 = t0 * x
  f = t1 - t0 - #b
  jmp final_p

; ---- random factor of projective coordinates
randomize:
  modulus p
  lam = in random
  Z3 = lam
  e = #zero
  ret

; ---- blinding: k is split into two scalars, random but for their sum, whose multiples are added
split:
  T[54] = k
  modulus n
  f = in random
  call reduce
  T[52] = f
  t0 = k - f
  f = t0 * #R2
  call final_n
  T[53] = f
  k = T[52]
  ret
split_next:
  Z = Z3 + e
  T[48] = X
  T[49] = Y
  T[50] = Z
  k = T[53]
  jmp randomize
split_sum:
  x2 = T[48]
  y2 = T[49]
  z2 = T[50]
  k = T[54]
  jmp add
comb_secret:
  br blind comb_split
  jmp comb
comb_split:
  call split
  call comb
  call split_next
  call comb
  jmp split_sum

; ---- k G, 0 <= k < n. The comb: windows of 6 bits, recoded to odd digits -63..63, of which every 3rd (P-256) or 5th (P-384) has a
; table; the passes over the others are moved into place by doublings. Every row of a window's table is read.
comb:
  modulus n
  t0 = canon k
comb_odd:
  t0 = k + #m?even + #w6
  t0 = canon t0
  recode t0 6 0
  modulus p
  br p384 comb_384
  sett 128
  setx 2
  call comb_first
  count 0 12
  call comb_pass
  setx 1
  count 0 13
  call comb_next_pass
  setx 0
  count 0 14
comb_next_pass:
  sett 128
  call comb_look
  count 2 6
  call doublings
comb_pass:
  call mixed
  loop 0 comb_pass
  addt -128                     ; what the last one looks up, for nothing, is within this curve's tables
  jmp mixed
comb_384:
  sett 1088
  setx 4
  call comb_first
  count 0 11
  call comb_pass
  setx 3
  call comb_384_pass
  setx 2
  call comb_384_pass
  setx 1
  call comb_384_pass
  setx 0
comb_384_pass:
  count 0 12
  sett 1088
  call comb_look
  count 2 6
  call doublings
  jmp comb_pass
comb_first:
  call comb_look
  X = x2 * lam
  Y = y2 * lam
  addt 64
  br p384 comb_first_384
  addx 3
  jmp comb_look
comb_first_384:
  addx 5
comb_look:
  digit 0
  x2 = scan @0 32
  y2 = scan @32 32
  y2 = y2?pos - y2?neg
  ret
doublings:
  call double
  loop 2 doublings
  ret

; ---- RCB algorithm 5: (X:Y:Z) + (x2, y2); on the way, the next window's point (that after a pass's last is not used)
mixed:
  t0 = X * x2
  Z = Z3 + e
  t1 = Y * y2
  s1 = x2 + y2
  s2 = X + Y
  B = #b * Z
  yy = x2 * Z
  t4 = y2 * Z
  t3 = s1 * s2
  yy = yy + X
  w1 = yy - B
  w3 = w1 + w1 + w1
  z1 = #b * yy
  p = t1 + w1 + w1 + w1
  m = t1 -64 w3
  t4 = t4 + Y
  z = Z + Z + Z
  Y = p * m
  addt 64
  br p384 mixed_384
  addx 3
  jmp mixed_look
mixed_384:
  addx 5
mixed_look:
  digit 0
  t3 = t3 - t0 - t1
  Z3 = t4 * m
  x2 = scan @0 32
  X = t3 * p
  v = z + t0
  u = t0 + t0 + t0 -16 z
  z1 = z1 -16 v
  z1 = z1 + z1 + z1
  a = t4 * z1
  y2 = scan @32 32
  c = u * z1
  y2 = y2?pos - y2?neg
  e = t3 * u
  X = X - a
  Y = Y + c
  ret

; ---- RCB algorithm 4: (X:Y:Z) + (x2:y2:z2)
add:
  t0 = X * x2
  Z = Z3 + e
  t1 = Y * y2
  s1 = x2 + y2
  s2 = X + Y
  t2 = Z * z2
  t3 = s1 * s2
  s1 = y2 + z2
  s2 = Y + Z
  t4 = s1 * s2
  s1 = x2 + z2
  s2 = X + Z
  yy = s1 * s2
  B = #b * t2
  yy = yy - t0 - t2
  t4 = t4 - t1 - t2
  z1 = #b * yy
  z = t2 + t2 + t2

  w1 = yy - B
  t3 = t3 - t0 - t1
  p = t1 + w1 + w1 + w1
  w3 = w1 + w1 + w1
  m = t1 -64 w3
  u = t0 + t0 + t0 -16 z
  v = z + t0
  Y = p * m
  X = t3 * p
  Z3 = t4 * m
  z1 = z1 -16 v
  z1 = z1 + z1 + z1
  a = t4 * z1
  c = u * z1
  e = t3 * u
  X = X - a
  Y = Y + c
  ret

; ---- RCB algorithm 6: 2 (X:Y:Z)
double:
  t0 = X * X
  Z = Z3 + e
  t2 = Z * Z
  yy = X * Z
  t1 = Y * Y
  B = #b * t2
  yy = yy + yy
  t3 = X * Y
  w1 = yy - B
  w3 = w1 + w1 + w1
  z1 = #b * yy
  p = t1 + w1 + w1 + w1
  m = t1 -64 w3
  t4 = Y * Z
  t3 = t3 + t3
  z = t2 + t2 + t2
  Y = p * m
  v = z + t0
  u = t0 + t0 + t0 -16 z
  X = t3 * p
  t4 = t4 + t4
  z1 = z1 -16 v
  e = t4 * t1
  z1 = z1 + z1 + z1
  a = t4 * z1
  c = u * z1
  Z3 = e + e
  e = e + e
  X = X - a
  Y = Y + c
  ret

; ---- k (qx, qy), 0 < k < n: windows of 5 bits, recoded to odd digits -31..31; T holds the odd multiples
multiply_q:
  modulus n
  t0 = canon k
  t0 = k + #m?even + #w5
  t0 = canon t0
  recode t0 5 0
  modulus p
  Z3 = lam
  e = #zero
  X = qx * lam
  Y = qy * lam
  T[0] = X
  T[16] = Y
  T[32] = lam
  call double
  Z = Z3 + e
  x2 = X
  y2 = Y
  z2 = Z
  X = T[0]
  Y = T[16]
  Z3 = T[32]
  e = #zero
.rep i 1 15
  call add
  T[i] = X
  T[16+i] = Y
  Z = Z3 + e
  T[32+i] = Z
.end
  modulus p                     ; waits for the table's last rows
  sett T
  br p384 multiply_q384
  setx 51
  count 0 51
  jmp multiply_go
multiply_q384:
  setx 76
  count 0 76
multiply_go:
  digit 0
  call look_q
  X = x2
  Y = y2
  Z3 = z2
  e = #zero
multiply_step:
  addx -1
  digit 0
  count 2 5
  call doublings
  call look_q
  call add
  loop 0 multiply_step
  ret
look_q:
  x2 = scan @0 16
  y2 = scan @16 16
  z2 = scan @32 16
  y2 = y2?pos -16 y2?neg
  ret

; ---- d G + k (qx, qy), for public d, k and point alone: X / Z^2, Y / Z^3 (Jacobian coordinates). The formulas fail where the sum so far
; is infinity or plus or minus the point added: then Z becomes zero, and stays so, whatever follows. So where Z is not zero at the end, no
; addition failed. Y is yy - s2, taken up late.
joint:
  modulus n
  t0 = canon k
  t0 = k + #m?even + #w5
  t0 = canon t0
  recode t0 5 0
  t0 = canon d
  t0 = d + #m?even + #w6
  t0 = canon t0
  recode t0 6 1
  modulus p
  ; 2 Q and Q with the same Z (N. Meloni, "New point addition formulae for ECC applications", 2007)
  t0 = qx * qx
  t1 = qy * qy
  Z = qy + qy
  B = qx * t1
  c = t1 * t1
  m = t0 + t0 + t0 - #three
  x2 = m * m
  X = B + B + B + B
  t2 = X + X
  Y = c + c + c + c
  Y = Y + Y
  x2 = x2 -16 t2
  t3 = X -64 x2
  y2 = m * t3
  y2 = y2 -16 Y
  T[0] = qx
  T[16] = qy
  T[32] = #R
  T[48] = #R
  T[64] = #R
.rep i 1 15
  call same_z
  T[i] = X
  T[16+i] = Y
  T[32+i] = Z
  T[48+i] = Z * Z
  T[64+i] = T[48+i] * Z
.end
  modulus p                     ; waits for the table's last rows
  br p384 joint_384
  setx 51
  count 3 48
  call joint_first
  count 2 3
  call j_double
  sett 128
  setx 2
  count 0 14
  call j_pass
  setx 2
  count 2 2
  call j_step
  count 2 4
  call j_double
  sett 128
  setx 1
  count 0 14
  call j_pass
  setx 1
  count 2 1
  call j_step
  setx 0
  count 2 5
  call j_step
  sett 128
  setx 0
  count 0 15
  jmp j_pass
joint_384:
  setx 76
  count 3 71
  call joint_first
  count 2 1
  call j_double
  sett 1088
  setx 4
  count 0 13
  call j_pass
  setx 4
  count 2 4
  call j_step
  count 2 2
  call j_double
  sett 1088
  setx 3
  count 0 13
  call j_pass
  setx 3
  count 2 3
  call j_step
  count 2 3
  call j_double
  sett 1088
  setx 2
  count 0 13
  call j_pass
  setx 2
  count 2 2
  call j_step
  count 2 4
  call j_double
  sett 1088
  setx 1
  count 0 13
  call j_pass
  setx 1
  count 2 1
  call j_step
  setx 0
  count 2 5
  call j_step
  sett 1088
  setx 0
  count 0 13
  jmp j_pass

; the first digit, and those that follow with 5 doublings each
joint_first:
  call j_look
  X = x2
  yy = y2
  Z = z2
  s2 = #zero
joint_loop:
  addx -1
  count 2 5
  call j_step
  loop 3 joint_loop
  ret
j_step:
  call j_look
  call j_double
  jmp j_add
j_look:
  sett T
  digit 0
  addd
  x2 = @0
  y2 = @16
  z2 = @32
  s1 = @48
  z1 = @64
  y2 = y2?pos -64 y2?neg
  ret
j_pass:
  digit 1
  addd
  x2 = @0
  y2 = @32
  subd
  y2 = y2?pos - y2?neg
  addt 64
  br p384 j_pass_384
  addx 3
  jmp j_pass_go
j_pass_384:
  addx 5
j_pass_go:
  call j_mixed
  loop 0 j_pass
  ret

; (X, Y) + (x2, y2), which becomes (x2, y2) with the sum's Z
same_z:
  u = x2 -64 X
  v = y2 -64 Y
  t0 = u * u
  t1 = v * v
  Z = Z * u
  x2 = x2 * t0
  t2 = X * t0
  X = t1 - x2 - t2
  w1 = x2 - t2
  y2 = y2 * w1
  t3 = x2 -16 X
  Y = v * t3
  Y = Y - y2
  ret

; count 2 times: 3 M + 5 S
j_double:
  t0 = Z * Z
  Y = yy -16 s2
  t1 = Y * Y
  u = X + t0
  v = X - t0
  a = u * v
  c = t1 * t1
  B = X * t1
  a = a + a + a
  X = a * a
  c = c + c
  s2 = c + c + c + c
  B = B + B + B + B
  t2 = B + B
  Z = Y * Z
  X = X -16 t2
  t3 = B -64 X
  yy = a * t3
  Z = Z + Z
  loop 2 j_double
  ret

j_mixed:
  t0 = Z * Z
  Y = yy -16 s2
  t1 = t0 * Z
  t2 = x2 * t0
  t3 = y2 * t1
  u = X
  v = Y
  h = t2 -64 X
  w1 = t3 -64 Y
  jmp j_sum
; Z^2 and Z^3 of the other point are s1 and z1
j_add:
  t0 = Z * Z
  Y = yy -16 s2
  u = X * s1
  t1 = t0 * Z
  v = Y * z1
  t2 = x2 * t0
  t3 = y2 * t1
  Z = Z * z2
  h = t2 - u
  w1 = t3 - v
j_sum:
  B = h * h
  X = w1 * w1
  c = B * h
  a = u * B
  Z = Z * h
  t0 = c + a + a
  s2 = v * c
  X = X - t0
  t3 = a -64 X
  yy = w1 * t3
  ret
