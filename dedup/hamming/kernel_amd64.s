#include "textflag.h"

// func within512(words *uint64, starts *uint32, groups, distance int64, at *cursor, out *match, room int64) int64
//
// SI words, DI starts, R8 groups, R13 group, R9 its end, BX p, DX q, R10 out,
// R11 room, R12 matches, Z1 the distance, Z0 word p.
TEXT ·within512(SB), NOSPLIT, $0-64
	MOVQ words+0(FP), SI
	MOVQ starts+8(FP), DI
	MOVQ groups+16(FP), R8
	MOVQ distance+24(FP), AX
	VPBROADCASTQ AX, Z1
	MOVQ at+32(FP), R9
	MOVQ out+40(FP), R10
	MOVQ room+48(FP), R11
	XORQ R12, R12
	MOVQ 0(R9), R13
	MOVQ 8(R9), BX
	MOVQ 16(R9), DX

group:
	CMPQ R13, R8
	JGE  end
	MOVL 4(DI)(R13*4), R9
	TESTQ DX, DX
	JNE  word
	MOVL (DI)(R13*4), BX
	LEAQ 1(BX), DX

word:
	CMPQ DX, R9
	JGE  nextgroup
	VPBROADCASTQ (SI)(BX*8), Z0

eight:
	// K1 are the lanes that lie before the group's end.
	MOVL $255, AX
	MOVQ R9, CX
	SUBQ DX, CX
	CMPQ CX, $8
	JGE  compare
	BZHIL CX, AX, AX

compare:
	KMOVW AX, K1
	VMOVDQU64.Z (SI)(DX*8), K1, Z2
	VPXORQ Z0, Z2, Z2
	VPOPCNTQ Z2, Z2
	VPCMPUQ $2, Z1, Z2, K1, K2 // at most
	KMOVW K2, AX
	TESTL AX, AX
	JNE  near

next:
	ADDQ $8, DX
	CMPQ DX, R9
	JLT  eight
	INCQ BX
	LEAQ 1(BX), DX
	JMP  word

near:
	CMPQ R12, R11
	JGE  end
	MOVL BX, 0(R10)
	MOVL DX, 4(R10)
	MOVQ AX, 8(R10)
	ADDQ $16, R10
	INCQ R12
	JMP  next

nextgroup:
	INCQ R13
	XORQ DX, DX
	JMP  group

end:
	MOVQ at+32(FP), R9
	MOVQ R13, 0(R9)
	MOVQ BX, 8(R9)
	MOVQ DX, 16(R9)
	VZEROUPPER
	MOVQ R12, ret+56(FP)
	RET

// func next512(word uint64, words *uint64, n, distance int64) int64
//
// SI words, R9 their number, DX place, Z0 the word, Z1 the distance.
TEXT ·next512(SB), NOSPLIT, $0-40
	VPBROADCASTQ word+0(FP), Z0
	MOVQ words+8(FP), SI
	MOVQ n+16(FP), R9
	VPBROADCASTQ distance+24(FP), Z1
	XORQ DX, DX

eight:
	MOVL $255, AX
	MOVQ R9, CX
	SUBQ DX, CX
	CMPQ CX, $8
	JGE  compare
	BZHIL CX, AX, AX

compare:
	KMOVW AX, K1
	VMOVDQU64.Z (SI)(DX*8), K1, Z2
	VPXORQ Z0, Z2, Z2
	VPOPCNTQ Z2, Z2
	VPCMPUQ $2, Z1, Z2, K1, K2 // at most
	KMOVW K2, AX
	TESTL AX, AX
	JNE  near
	ADDQ $8, DX
	CMPQ DX, R9
	JLT  eight
	MOVQ R9, DX
	JMP  end

near:
	BSFL AX, AX
	ADDQ AX, DX

end:
	VZEROUPPER
	MOVQ DX, ret+32(FP)
	RET
