"""Vibration: every step on a signal whose answer is known, and what is refused."""

import numpy as np
import pytest
import pywt

from qhelpers import signals

RATE = 12_000
SPEED = 29.0
SECOND = np.arange(RATE) / RATE


def tone(hz, rate=RATE, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def train(hz, rate=RATE, seconds=2.0, ring=3300.0, decay=900.0, load=None, noise=0.0, seed=0):
    """Impulses at `hz` that ring at `ring`; their size may follow the turn of the shaft (`load`, Hz)."""
    time = np.arange(int(rate * seconds)) / rate
    since = np.mod(time, 1 / hz)
    size = 1.0 if load is None else 1 + 0.8 * np.cos(2 * np.pi * load * time)
    ringing = size * np.exp(-decay * since) * np.sin(2 * np.pi * ring * since)
    return ringing + noise * np.random.default_rng(seed).normal(size=len(time))


# --- kinematics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bearing", "speed", "printed"),
    [
        # The makers' and publishers' own figures: factors of the speed, or hertz at a stated one.
        ("6205", 1.0, {"bpfo": 3.5848, "bpfi": 5.4152, "bsf": 2.357, "ftf": 0.39828}),
        ("6203", 1.0, {"bpfo": 3.053, "bpfi": 4.9469, "bsf": 3.9874 / 2}),
        ("nice", 25.0, {"bpfo": 81.12, "bpfi": 118.88, "bsf": 63.86, "ftf": 10.14}),
        ("za-2115", 2000 / 60, {"bpfo": 236.4, "bpfi": 296.9, "bsf": 139.9, "ftf": 14.78}),
        ("femto", 30.0, {"bpfo": 168.3, "bpfi": 221.7, "bsf": 107.7}),
    ],
)
def test_orders_are_those_that_the_makers_print(bearing, speed, printed):
    orders = signals.GEOMETRIES[bearing].orders()
    assert {name: orders[name] * speed for name in printed} == pytest.approx(printed, rel=1e-3)


def test_orders_obey_what_holds_for_every_bearing():
    for bearing in signals.GEOMETRIES.values():
        orders = bearing.orders()
        assert orders["bpfo"] + orders["bpfi"] == pytest.approx(bearing.n_balls)
        assert orders["bpfo"] == pytest.approx(bearing.n_balls * orders["ftf"])


@pytest.mark.parametrize("wrong", [(0, 1, 2), (8, 2, 1), (8, 0, 1), (8, 1, 2, 90)])
def test_no_bearing_is_refused(wrong):
    with pytest.raises(ValueError, match="no bearing"):
        signals.Geometry(*wrong)


# --- the steps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [20_000, 25_600, 48_000, 48_828, 51_200, 97_656])
def test_a_tone_survives_resampling_with_its_frequency_and_amplitude(rate):
    hz, amplitude = signals.spectrum(signals.resample(tone(3000, rate), rate), RATE)
    assert len(hz) == RATE // 2 + 1
    assert hz[amplitude.argmax()] == 3000
    assert amplitude.max() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("hz", [7000, 9000, 11_000])
def test_above_nyquist_a_tone_vanishes_and_is_not_folded_down(hz):
    came = signals.resample(tone(hz, 48_000), 48_000)
    assert np.abs(came[600:-600]).max() < 0.01
    assert np.abs(tone(hz, 48_000)[::4]).max() > 0.5  # what taking every fourth sample would have left of it


def test_a_signal_at_its_rate_already_stays_as_it_is():
    np.testing.assert_array_equal(signals.resample(tone(50), RATE), tone(50))


def test_the_band_passes_its_middle_and_stops_the_rest_without_delay():
    middle = slice(2000, -2000)
    np.testing.assert_allclose(signals.bandpass(tone(1500), RATE)[middle], tone(1500)[middle], atol=1e-3)
    for outside in (100, 5900):
        assert np.abs(signals.bandpass(tone(outside), RATE)[middle]).max() < 0.01
    # Three decibels on each way are half the amplitude on both.
    assert np.abs(signals.bandpass(tone(500), RATE)[middle]).max() == pytest.approx(0.5, abs=0.01)


def test_the_envelope_is_what_modulates():
    modulation = 1 + 0.5 * tone(80)
    found = signals.envelope(modulation * tone(3000), RATE)
    np.testing.assert_allclose(found[1000:-1000], modulation[1000:-1000], atol=0.01)
    quick = (1 + 0.5 * tone(900)) * tone(3000)
    assert np.ptp(signals.envelope(quick, RATE)[1000:-1000]) < 0.1 < 0.9 < np.ptp(signals.envelope(quick, RATE, None))


def test_the_spectrum_shows_an_amplitude_and_no_offset():
    hz, amplitude = signals.spectrum(0.3 * tone(1000) + 5, RATE)
    assert amplitude[hz == 1000] == pytest.approx(0.3)
    assert amplitude[0] < 1e-9


def test_packet_bands_are_pywavelets_own_in_order_of_frequency():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3, 512))
    found = signals.wavelet_packet(x)
    assert found.shape == (3, 16, 32)
    for one, bands in zip(x, found, strict=True):
        tree = pywt.WaveletPacket(one, "db8", "periodization", 4).get_level(4, order="freq")
        np.testing.assert_allclose(bands, [node.data for node in tree], atol=1e-12)


def test_packet_bands_keep_the_energy_and_a_tone_lies_in_its_own():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(5, 512))
    np.testing.assert_allclose((signals.wavelet_packet(x) ** 2).sum((1, 2)), (x**2).sum(1))
    for band in range(16):
        energy = (signals.wavelet_packet(tone(375 * band + 187.5)[:512]) ** 2).sum(-1)
        assert energy.argmax() == band
        assert energy[band] > 0.6 * energy.sum()


def test_windows_overlap_by_half_and_what_is_left_is_dropped():
    cut = signals.windows(np.arange(1300))
    assert cut.shape == (4, 512)
    np.testing.assert_array_equal(cut[:, 0], [0, 256, 512, 768])
    assert signals.windows(np.zeros((2, 3, 1024))).shape == (2, 3, 3, 512)
    assert len(signals.windows(np.arange(243_938 // 4))) == 237  # the data README's count for CWRU's file 97


def test_z_scores_are_of_the_training_part_only():
    rng = np.random.default_rng(5)
    training, later = rng.normal(3, 2, (200, 4)).astype("f4"), rng.normal(9, 5, (50, 4)).astype("f4")
    training[:, 3] = 1.5
    scores = signals.ZScores.of(training)
    mine = scores(training)
    np.testing.assert_allclose(mine.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(mine.std(0), [1, 1, 1, 0], rtol=1e-4)
    assert scores(later)[:, 0].mean() == pytest.approx(
        (later[:, 0].mean() - training[:, 0].mean()) / training[:, 0].std(), rel=1e-3
    )
    with pytest.raises(ValueError, match="allowed are"):
        scores(later[:, :2])
    with pytest.raises(ValueError, match="training part"):
        signals.ZScores.of(np.full((3, 2), np.nan))


# --- the lines of a fault --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["bpfo", "bpfi", "bsf"])
@pytest.mark.parametrize("rate", [12_000, 48_828])
def test_an_impulse_train_puts_its_line_where_kinematics_says(fault, rate):
    orders = signals.GEOMETRIES["6205"].orders()
    x = train(orders[fault] * SPEED, rate, load=SPEED if fault == "bpfi" else None, noise=0.3)
    at, amplitude = signals.envelope_orders(x, rate, SPEED)
    # The highest line of all, above the shaft's own few, is the fault's.
    above = at > 1.5
    assert at[above][amplitude[above].argmax()] == pytest.approx(orders[fault], abs=at[1])
    heights = signals.lines(at, amplitude, {name: orders[name] for name in ("bpfo", "bpfi", "bsf")})
    assert max(heights, key=lambda name: heights[name].mean()) == fault
    assert heights[fault].shape == (3,)
    assert (heights[fault] > 8).all()


def test_an_inner_fault_has_side_lines_a_turn_away():
    bpfi = signals.GEOMETRIES["6205"].orders()["bpfi"]
    at, amplitude = signals.envelope_orders(train(bpfi * SPEED, load=SPEED), RATE, SPEED)
    modulated = signals.lines(at, amplitude, {"below": bpfi - 1, "above": bpfi + 1}, harmonics=1, slip=0.005)
    at, amplitude = signals.envelope_orders(train(bpfi * SPEED), RATE, SPEED)
    steady = signals.lines(at, amplitude, {"below": bpfi - 1, "above": bpfi + 1}, harmonics=1, slip=0.005)
    for side in modulated:
        assert modulated[side][0] > 20 * steady[side][0]


def test_a_line_moves_with_the_speed_and_slips_within_the_share_that_is_allowed():
    bpfo = signals.GEOMETRIES["6205"].orders()["bpfo"]
    at, amplitude = signals.envelope_orders(train(bpfo * SPEED * 0.985, noise=0.3), RATE, SPEED)
    wide = signals.lines(at, amplitude, {"bpfo": bpfo})["bpfo"].mean()
    narrow = signals.lines(at, amplitude, {"bpfo": bpfo}, slip=0.003)["bpfo"].mean()
    assert wide > 4 * narrow


def test_noise_has_no_lines():
    rng = np.random.default_rng(6)
    at, amplitude = signals.envelope_orders(rng.normal(size=(20, RATE)), RATE, SPEED)
    heights = signals.lines(at, amplitude, signals.GEOMETRIES["6205"].orders())
    assert heights["bpfo"].shape == (20, 3)
    assert max(values.mean() for values in heights.values()) < 3


def test_the_shorter_the_window_the_lower_the_line():
    bpfi = signals.GEOMETRIES["6205"].orders()["bpfi"]
    x = train(bpfi * SPEED, seconds=4, load=SPEED, noise=0.3)
    heights = []
    for n in (512, 4096, RATE):
        at, amplitude = signals.envelope_orders(signals.windows(x, n, n), RATE, SPEED)
        assert at[1] * SPEED == pytest.approx(RATE / n)  # 23 Hz in a window of 512, 1 Hz in a second
        heights.append(signals.lines(at, amplitude, {"bpfi": bpfi})["bpfi"].mean())
    assert 1 < heights[0] < heights[1] / 2 < heights[2] / 4


def test_what_the_third_outer_harmonic_shows_may_be_the_second_inner_one():
    # 3 × 3.585 = 10.75 and 2 × 5.415 = 10.83: so a rule may not rest on one harmonic.
    orders = signals.GEOMETRIES["6205"].orders()
    at, amplitude = signals.envelope_orders(train(orders["bpfi"] * SPEED, load=SPEED), RATE, SPEED)
    first, second, third = signals.lines(at, amplitude, {"bpfo": orders["bpfo"]})["bpfo"]
    assert third > 100 * max(first, second)


def test_prewhitening_flattens_the_spectrum_and_keeps_the_impulses():
    x = train(104) + 20 * tone(1200, seconds=2)
    white = signals.cepstral_prewhitening(x)
    np.testing.assert_allclose(np.abs(np.fft.rfft(white)), 1, atol=1e-6)
    kurtosis = [((values - values.mean()) ** 4).mean() / values.var() ** 2 for values in (x, white)]
    assert kurtosis[0] < 2 < 4 < kurtosis[1]


@pytest.mark.parametrize("ring", [1500.0, 2600.0, 4300.0])
def test_the_kurtogram_finds_the_band_that_rings(ring):
    found = signals.kurtogram(train(40, ring=ring, decay=600, seconds=4, noise=0.15), RATE)
    low, high = found.band
    assert low < ring < high
    assert high - low <= 2000
    assert found.kurtosis.shape == (len(found.n_bands), 96)
    assert found.n_bands == (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


def test_where_a_recording_stops_is_no_impulse():
    # Little above 3 kHz: untapered, the jump from the last sample to the first is most of what the upper bands hold.
    rng = np.random.default_rng(9)
    x = signals.bandpass(rng.normal(size=40_000), RATE, 500, 3000) + 1e-4 * rng.normal(size=40_000)
    assert signals.kurtogram(x, RATE).kurtosis.max() < 1


def test_the_kurtogram_of_noise_is_flat():
    rng = np.random.default_rng(7)
    assert np.abs(signals.kurtogram(rng.normal(size=200_000), RATE).kurtosis).max() < 0.3


# --- the window as an image ------------------------------------------------------------------------------------------


def test_a_row_is_a_band_and_a_column_a_moment():
    x = 0.01 * np.random.default_rng(8).normal(size=1024)
    x += np.where((np.arange(1024) // 16) % 32 == 12, 1, 0) * np.sin(2 * np.pi * 2800 / RATE * np.arange(1024))
    packet, lines, envelope = signals.images(x, RATE, size=32)[0]
    row, column = 2800 // 375 * 31 / 15, 12
    assert abs(packet.mean(1).argmax() - row) <= 2 and abs(packet.mean(0).argmax() - column) <= 1
    assert abs(lines.mean(1).argmax() - row) <= 2
    assert abs(envelope.mean(0).argmax() - column) <= 2


@pytest.mark.parametrize(("rate", "size"), [(12_000, 32), (48_000, 32), (48_828, 48), (12_000, 64)])
def test_images_have_a_fixed_size_and_level_is_one_number(rate, size):
    x = train(105, rate, seconds=0.5, noise=0.1)
    made = signals.images(x, rate, size)
    assert made.shape == (1 + (6000 - 512) // 256, 3, size, size)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    np.testing.assert_allclose(signals.images(100 * x + 3, rate, size), made + 2, atol=2e-3)


def test_images_are_the_chain_step_by_step():
    x = train(105, seconds=0.3, noise=0.1)
    passed = signals.bandpass(x, RATE)
    window = signals.windows(passed)[5]
    made = signals.images(x, RATE, size=32)[5]

    def decades(values):
        return np.log10(np.abs(values) + 0.1 * np.sqrt((values**2).mean()))

    # At 32 pixels the columns of the first channel are its moments as they are; first and last rows are kept by the stretching.
    np.testing.assert_allclose(made[0][[0, -1]], decades(signals.wavelet_packet(window))[[0, -1]], atol=1e-5)
    lines = decades(signals.spectrum(window, RATE)[1][:256].reshape(16, 16))
    np.testing.assert_allclose(made[1][[0, 0, -1, -1], [0, -1, 0, -1]], lines[[0, 0, -1, -1], [0, -1, 0, -1]], atol=1e-5)
    outline = decades(signals.windows(signals.envelope(passed, RATE))[5].reshape(32, 16).T)
    np.testing.assert_allclose(made[2][[0, -1]], outline[[0, -1]], atol=1e-5)


@pytest.mark.parametrize(("rate", "slower"), [(12_000, 1), (48_828, 1), (12_000, 8)])
def test_a_sound_is_the_signal_slower_and_as_much_lower(rate, slower):
    sound = signals.audible(0.01 * tone(800, rate), rate, slower)
    assert sound.dtype == np.int16
    assert len(sound) == pytest.approx(8000 * slower, abs=8)
    assert 0.88 < np.abs(sound).max() / 32767 < 0.91
    assert max(abs(sound[0]), abs(sound[-1])) < 500
    hz, amplitude = signals.spectrum(sound.astype(float), 8000)
    assert hz[amplitude.argmax()] == pytest.approx(800 / slower, abs=1)
    with pytest.raises(ValueError, match="one axis"):
        signals.audible(np.stack([tone(800), tone(800)]), rate)


# --- bad input -------------------------------------------------------------------------------------------------------

EVERY = {
    "resample": lambda x: signals.resample(x, 48_000),
    "bandpass": lambda x: signals.bandpass(x, RATE),
    "envelope": lambda x: signals.envelope(x, RATE),
    "spectrum": lambda x: signals.spectrum(x, RATE),
    "wavelet_packet": signals.wavelet_packet,
    "images": lambda x: signals.images(x, RATE),
    "envelope_orders": lambda x: signals.envelope_orders(x, RATE, SPEED),
    "cepstral_prewhitening": signals.cepstral_prewhitening,
    "kurtogram": lambda x: signals.kurtogram(x, RATE),
}


@pytest.mark.parametrize("step", EVERY)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_hole_in_a_recording_is_refused(step, value):
    x = tone(1000)
    x[77] = value
    with pytest.raises(ValueError, match="1 of 12000 samples are NaN or infinite"):
        EVERY[step](x)


@pytest.mark.parametrize("step", EVERY)
def test_a_dead_channel_is_refused(step):
    with pytest.raises(ValueError, match="never changes"):
        EVERY[step](np.full(RATE, 0.2))


@pytest.mark.parametrize("step", EVERY)
def test_nothing_is_refused(step):
    with pytest.raises(ValueError, match="one sample at least"):
        EVERY[step]([])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: signals.images(x[:511], RATE), "511 samples is shorter than a window of 512"),
        (lambda x: signals.images(x[:2000], 48_000), "2000 samples is shorter than a window of 2048"),
        (lambda x: signals.images(x, 8000), "8000 samples a second cannot become 12000"),
        (lambda x: signals.images(x, RATE, size=16), "images of 16 pixels"),
        (lambda x: signals.images(x.reshape(2, -1), RATE), "one channel at a time"),
        (lambda x: signals.windows(x[:100]), "100 samples is shorter"),
        (lambda x: signals.windows(x, hop=0), "1 and more"),
        (lambda x: signals.resample(x, 0.0), "a sampling rate of 0.0"),
        (lambda x: signals.bandpass(x, np.nan), "check the sampling rate"),
        (lambda x: signals.bandpass(x, 9000), "check the sampling rate"),
        (lambda x: signals.bandpass(x[:20], RATE), "this filter's run-in"),
        (lambda x: signals.envelope(x, RATE, 7000), "a low-pass at 7000 Hz"),
        (lambda x: signals.envelope_orders(x, RATE, 0.0), "a shaft speed of 0.0"),
        (lambda x: signals.envelope_orders(x, RATE, np.nan), "a shaft speed of nan"),
        (lambda x: signals.envelope_orders(x, RATE, np.ones(3)), "one number of turns"),
        (lambda x: signals.wavelet_packet(x[:100]), "100 samples at level 4"),
        (lambda x: signals.kurtogram(x[:500], RATE), "32 samples a band"),
        (lambda x: signals.lines(np.arange(10.0), np.ones(10), {"bpfi": 5.4}), "take fewer harmonics"),
    ],
)
def test_what_cannot_be_listened_to_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call(tone(1000))


def test_a_window_at_standstill_is_named():
    x = np.concatenate([tone(1000)[:4000], np.zeros(40_000), tone(1000)[:4000]])
    with pytest.raises(ValueError, match=r"window \d+ of the recording holds no vibration"):
        signals.images(x, RATE)


@pytest.mark.parametrize("step", ["images", "envelope_orders"])
def test_a_clipped_recording_is_flagged(step, recwarn):
    x = train(105, seconds=1, noise=0.1)
    EVERY[step](x)
    assert not recwarn.list
    assert signals.clipped(x) == 0
    assert signals.clipped(np.clip(x, -0.3, 0.3)) > 0.05
    with pytest.warns(RuntimeWarning, match="overdriven"):
        EVERY[step](np.clip(x, -0.3, 0.3))
