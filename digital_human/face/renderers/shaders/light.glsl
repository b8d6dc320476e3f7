// Three soft lights and a sky over a floor; colours are linear inside, sRGB by a square root.
uniform float u_camera;

const vec3 KEY = vec3(-0.40, 0.52, 0.755);      // direction to the light
const vec3 FILL = vec3(0.70, 0.10, 0.707);
const vec3 KEY_COLOR = vec3(1.02, 0.97, 0.91);
const vec3 FILL_COLOR = vec3(0.28, 0.30, 0.34);
const vec3 RIM_COLOR = vec3(0.60, 0.66, 0.75);
const vec3 SKY = vec3(0.40, 0.42, 0.46);
const vec3 FLOOR = vec3(0.30, 0.255, 0.23);

vec3 linear(vec3 c) { return c * c; }
vec3 encode(vec3 c) {
    // A soft shoulder keeps highlights from clipping.
    c = c * (1.0 + c * 0.10) / (1.0 + c * 0.32);
    return sqrt(clamp(c, 0.0, 1.0));
}
vec3 to_eye(vec3 p) { return normalize(vec3(0.0, 0.0, u_camera) - p); }
vec3 ambient(vec3 n, float open) { return mix(FLOOR, SKY, n.y * 0.5 + 0.5) * open; }
vec3 soft(vec3 n, vec3 light, vec3 wrap) {
    return clamp((dot(n, light) + wrap) / (1.0 + wrap), 0.0, 1.0);
}
float shine(vec3 n, vec3 v, vec3 light, float power) {
    return pow(clamp(dot(n, normalize(light + v)), 0.0, 1.0), power);
}
// Light from behind on both sides, seen at grazing angles.
vec3 rim(vec3 n, vec3 v, float open) {
    float edge = 1.0 - clamp(dot(n, v), 0.0, 1.0);
    float side = clamp(abs(n.x) * 0.9 + n.y * 0.35, 0.0, 1.0);
    return RIM_COLOR * (edge * edge * edge * side * open);
}
