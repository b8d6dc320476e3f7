// Eyeball: white, iris and pupil are painted; the clear cornea over them mirrors the lights.
uniform sampler2D u_texture;
uniform vec4 u_ball;
uniform vec2 u_lids;  // height of the upper and lower lid's edge over the eyeball's centre, radii

in vec3 v_position;
in vec3 v_normal;
in vec3 v_rest;
in vec3 v_local;
in vec2 v_uv;
out vec4 f_color;

void main() {
    vec3 albedo = linear(texture(u_texture, v_uv).rgb);
    vec3 n = normalize(v_normal);
    vec3 v = to_eye(v_position);
    vec3 rest = v_rest / u_ball.w;
    float iris = 1.0 - smoothstep(0.44, 0.52, length(rest.xy));
    // The iris lies behind the cornea like a bowl: lit most opposite to the light.
    vec3 bowl = normalize(n - vec3(rest.xy, 0.0) * 1.5 * iris);
    float key = clamp(dot(bowl, KEY) * 0.75 + 0.30, 0.0, 1.0);
    float fill = clamp(dot(n, FILL) * 0.6 + 0.35, 0.0, 1.0);
    vec3 local = v_local / u_ball.w;
    float y = local.y;
    // The upper lid and its lashes shade the ball below them.
    float shade = 0.30 + 0.70 * smoothstep(0.0, 0.42, u_lids.x - y);
    shade *= 0.72 + 0.28 * smoothstep(0.0, 0.16, y - u_lids.y);
    float corner = 1.0 - 0.45 * smoothstep(0.55, 0.95, abs(local.x));
    vec3 light = KEY_COLOR * key * 0.85 + FILL_COLOR * fill + ambient(n, 0.9);
    vec3 c = albedo * light * shade * corner;
    vec3 mirror = reflect(-v, n);
    float window = smoothstep(0.955, 0.975, dot(mirror, normalize(vec3(-0.42, 0.50, 0.76))));
    float second = smoothstep(0.975, 0.99, dot(mirror, normalize(vec3(0.55, -0.10, 0.83))));
    c += (window * 0.95 + second * 0.16) * (0.25 + 0.75 * shade);
    f_color = vec4(encode(c), 1.0);
}
