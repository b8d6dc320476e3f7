// Poses and lights the bust: eyeballs turn about their centres, the head about the neck, the chest
// lifts. Light is reckoned per vertex; meshes are dense where it changes.
uniform vec4 u_frame;    // picture: scale x, scale y, middle x, middle y in clip space
uniform mat3 u_head;
uniform vec3 u_pivot;
uniform vec3 u_shift;
uniform float u_breath;
uniform mat3 u_eye;
uniform vec4 u_ball;     // centre and radius of the eyeball
uniform float u_opening; // 0 … 1, how far the mouth is open

in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_bake;         // open sky, key light, share in the head's motion, share in breath

out vec2 v_uv;
out vec3 v_light;        // what the albedo is multiplied by
out vec3 v_shine;        // what is added, times the texture's gloss
out vec3 v_position;
out vec3 v_normal;
out vec3 v_rest;         // from the eyeball's centre, not turned
out vec3 v_local;        // the same, turned

void light_surface(vec3 n, vec3 v, float open, float lit) {
    vec3 away = rim(n, v, open * open);
#if defined(SKIN)
    // Light bleeds red past the shadow's edge (a cheap stand-in for subsurface scattering), and
    // occlusion is red, since what closes skin is skin.
    vec3 wrap = vec3(0.42, 0.22, 0.15);
    vec3 shade = mix(vec3(lit), vec3(sqrt(lit), lit, lit * lit), 0.35);
    vec3 sky = ambient(n, 1.0) * mix(vec3(open), vec3(sqrt(open), open, open), 0.5);
    v_light = KEY_COLOR * soft(n, KEY, wrap) * shade + FILL_COLOR * soft(n, FILL, wrap) * open
        + sky + 0.65 * away;
    v_shine = KEY_COLOR * lit * (shine(n, v, KEY, 22.0) * 0.10 + shine(n, v, KEY, 70.0) * 0.40)
        + FILL_COLOR * shine(n, v, FILL, 50.0) * 0.3 + 0.5 * away;
#elif defined(MOUTH)
    // Wet, and darker the less the mouth is open.
    open *= mix(0.60, 1.0, min(1.0, 1.8 * u_opening));
    v_light = (KEY_COLOR * soft(n, KEY, vec3(1.0)) * 0.75 + FILL_COLOR * 0.6 + ambient(n, 1.0))
        * open;
    v_shine = vec3(shine(n, v, KEY, 50.0) * 0.35 * open);
#elif defined(CLOTH)
    float edge = 1.0 - clamp(dot(n, v), 0.0, 1.0);
    v_light = KEY_COLOR * soft(n, KEY, vec3(0.15)) * lit + FILL_COLOR * soft(n, FILL, vec3(0.3)) * open
        + ambient(n, open) + away + edge * edge * 0.3;
    v_shine = away * 0.1;
#elif defined(HAIR)
    // Two highlights across the strands, after Kajiya and Kay, "Rendering fur with three
    // dimensional textures" (1989). Strands lead from the parting to the sides and down.
    vec3 down = vec3(in_position.x < 0.0 ? -1.0 : 1.0, -1.0, 0.0);
    vec3 along = normalize(down - n * dot(n, down));
    vec3 h = normalize(KEY + v);
    float a = dot(normalize(along - n * 0.10), h);
    float b = dot(normalize(along + n * 0.12), h);
    float first = pow(clamp(1.0 - a * a, 0.0, 1.0), 30.0);
    float second = pow(clamp(1.0 - b * b, 0.0, 1.0), 9.0);
    vec3 key = soft(n, KEY, vec3(0.35)) * lit * KEY_COLOR;
    v_light = key * (1.0 + 2.2 * second) + FILL_COLOR * soft(n, FILL, vec3(0.4)) * open
        + ambient(n, open) + 0.5 * away;
    v_shine = key * (first * 0.16 + second * 0.03);
#elif defined(FLAT)
    // A drawing brings its own light; a little shade keeps its depth. `encode` darkens by 1.2.
    v_light = vec3(1.0 + 0.2 * open * (0.6 + 0.4 * soft(n, KEY, vec3(1.0))));
    v_shine = vec3(0.0);
#else
    vec3 wrap = vec3(0.35, 0.25, 0.22);
    v_light = KEY_COLOR * soft(n, KEY, wrap) * lit + FILL_COLOR * soft(n, FILL, wrap)
        + ambient(n, open) + away;
    v_shine = vec3(0.0);
#endif
}

void main() {
    vec3 p = u_eye * (in_position - u_ball.xyz) + u_ball.xyz;
    vec3 n = u_eye * in_normal;
    v_rest = in_position - u_ball.xyz;
    v_local = p - u_ball.xyz;
    float w = in_bake.z;
    p = mix(p, u_head * (p - u_pivot) + u_pivot + u_shift, w);
    n = normalize(mix(n, u_head * n, w) + vec3(1e-9));
    p.y += u_breath * (1.0 - 0.55 * w) * in_bake.w;
    v_position = p;
    v_normal = n;
    v_uv = in_uv;
    vec3 v = to_eye(p);
#ifdef BOTH_SIDES
    if (dot(n, v) < 0.0) n = -n;
#endif
    light_surface(n, v, in_bake.x, in_bake.y);
    float depth = 1.0 - p.z / u_camera;
    // Depth of 0.5 … 2.5 camera distances fills the depth buffer; rows run from the top down.
    gl_Position = vec4(
        u_frame.x * p.x + u_frame.z * depth,
        -u_frame.y * p.y + u_frame.w * depth,
        1.5 * depth - 1.25,
        depth);
}
