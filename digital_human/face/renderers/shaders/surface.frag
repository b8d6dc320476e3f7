uniform sampler2D u_texture;  // rgb albedo; a gloss, or coverage where BLENDED or CUT

in vec2 v_uv;
in vec3 v_light;
in vec3 v_shine;
out vec4 f_color;

void main() {
    vec4 t = texture(u_texture, v_uv);
    vec3 albedo = linear(t.rgb);
#if defined(BLENDED)
    vec3 c = albedo * v_light + v_shine * (t.g * 2.0);
    f_color = vec4(encode(c) * t.a, t.a);
#elif defined(COLOUR)
    f_color = vec4(encode(albedo * v_light) * t.a, t.a);
#elif defined(CUT)
    if (t.a < 0.5) discard;
    f_color = vec4(encode(albedo * v_light), 1.0);
#elif defined(HAIR)
    f_color = vec4(encode(albedo * v_light + v_shine * (t.g * 2.0)), 1.0);
#else
    f_color = vec4(encode(albedo * v_light + v_shine * (t.a + 0.25)), 1.0);
#endif
}
