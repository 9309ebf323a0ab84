// normal gives Phi(x) and exp(-x*x/2), by Abramowitz and Stegun 7.1.26: the
// error of Phi is below 1e-7.
INLINE float normal(float x, float *density) {
	float z = fabsf(x) * 0.70710678118654752f;
	float t = 1.0f / (1.0f + 0.3275911f * z);
	float e = exp_lane(-z * z);
	float p = 1.061405429f;
	p = p * t - 1.453152027f;
	p = p * t + 1.421413741f;
	p = p * t - 0.284496736f;
	p = p * t + 0.254829592f;
	float tail = 0.5f * p * t * e; // Phi(-|x|)
	*density = e;
	return x < 0 ? tail : 1.0f - tail;
}
