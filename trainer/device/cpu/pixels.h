// pixels: out[batch,3,side,side] = (x/255 - mean)/deviation of pictures[batch,
// side,side,3], by a table: there are 256 values.
static void TYPED(pixels)(T *out, const uint8_t *pictures, int64_t batch, int64_t side, pl_normalization n) {
	T table[3][256];
	for (int c = 0; c < 3; c++)
		for (int v = 0; v < 256; v++)
			table[c][v] = R(((float)v / 255.0f - n.mean[c]) / n.deviation[c]);
#pragma omp parallel for schedule(static) if (batch * side * side > 8192)
	for (int64_t line = 0; line < batch * side; line++) {
		const uint8_t *from = pictures + line * side * 3;
		T *red = out + (line / side * 3 * side + line % side) * side, *green = red + side * side, *blue = green + side * side;
		for (int64_t i = 0; i < side; i++) {
			red[i] = table[0][from[3 * i]];
			green[i] = table[1][from[3 * i + 1]];
			blue[i] = table[2][from[3 * i + 2]];
		}
	}
}
