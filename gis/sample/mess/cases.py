"""The fixed list: one case a line, as layer, format, spoilings, and `fit` where a reference is handed in."""

from __future__ import annotations

_LIST = """
# encoding unsaid
blocks shp gbk_ldid4d
stations shp gbk_ldid4d
units shp gb18030_only
stations shp gb18030_only
facilities zip gbk_ldid00 zip_junk
blocks shp gbk_ldid57 no_prj
units shp gbk_ldid00 names_lower
stations shp gbk_ldid57 elsewhere
# UTF-8 unsaid
blocks shp utf8_ldid00
blocks shp utf8_ldid57
units shp utf8_ldid00
units shp utf8_ldid57
stations shp utf8_ldid00
stations shp utf8_ldid57
projects shp utf8_ldid00
projects shp utf8_ldid57
blocks shp utf8_ldid00 area_mu
facilities zip utf8_ldid57 zip_folder
blocks shp utf8_ldid57 zone_unsaid
blocks shp utf8_ldid00 no_prj
units shp utf8_ldid00 names_lower
# encoding lies
blocks shp utf8_ldid4d
blocks shp cpg_utf8_lies
blocks shp cpg_gbk_lies
blocks shp cpg_latin_lies
units shp utf8_ldid4d
units shp cpg_utf8_lies
units shp cpg_gbk_lies
units shp cpg_latin_lies
stations shp utf8_ldid4d
stations shp cpg_utf8_lies
stations shp cpg_gbk_lies
stations shp cpg_latin_lies
facilities zip cpg_utf8_lies zip_gbk_names
projects shp cpg_gbk_lies names_lower
blocks shp cpg_utf8_lies degrees_as_metres fit
parcels shp cpg_gbk_lies zeros_lost
# encoded twice
units shp double_gbk
blocks gpkg double_gbk
blocks geojson double_gbk
stations gpkg double_gbk
stations geojson double_gbk
units shp double_latin
facilities gpkg double_latin
units shp double_lossy
facilities gpkg double_lossy
units gpkg question_marks
stations shp question_marks
units shp double_gbk names_lower
blocks shp double_gbk no_prj
facilities shp double_latin elsewhere
# text cut
units shp cut_gbk
units shp cut_utf8
blocks shp cut_gbk
blocks shp cut_utf8
facilities shp cut_gbk
facilities shp cut_utf8
units shp cut_gbk_unsaid
facilities shp cut_gbk_unsaid
units shp cut_utf8_unsaid
projects shp cut_utf8_unsaid
projects shp over_254_utf8
projects shp over_254_gbk
projects zip over_254_utf8 zip_junk
blocks shp cut_gbk_unsaid no_prj fit
units shp cut_utf8 bowtie
# zips
blocks zip zip_two
stations zip zip_two
units zip zip_escape
buildings zip zip_plain
blocks zip zip_gbk_names no_prj
blocks zip zip_gbk_names gbk_ldid57
parcels zip zip_junk no_prj fit
units zip zip_folder bowtie
# CRS missing
blocks shp no_prj_6_degrees fit
parcels shp no_prj_zone fit
stations shp no_prj_zone
units shp no_prj_6_degrees
parcels shp no_prj zeros_lost fit
blocks shp no_prj names_cut_gbk fit
units shp no_prj bowtie
# degrees and metres
blocks shp metres_as_degrees fit
parcels shp degrees_no_prj fit
parcels shp degrees_as_metres fit
parcels shp metres_as_degrees fit
units shp degrees_no_prj
units shp degrees_as_metres
units shp metres_as_degrees
stations shp metres_as_degrees
blocks gpkg degrees_as_metres fit
buildings gpkg metres_as_degrees
blocks shp degrees_no_prj gbk_ldid57 fit
facilities shp degrees_as_metres names_lower
# zone number
blocks shp zone_unsaid
blocks shp zone_lost
blocks shp zone_of_6_degrees
units shp zone_unsaid
units shp zone_lost
units shp zone_of_6_degrees
stations shp zone_unsaid
stations shp zone_lost
stations shp zone_of_6_degrees
blocks shp zone_neighbour fit
parcels shp zone_neighbour fit
stations shp zone_neighbour
parcels gpkg zone_unsaid
blocks shp zone_lost area_hectares
units shp zone_unsaid gbk_ldid00
# UTM
blocks shp utm_no_prj fit
blocks shp utm_as_gauss fit
blocks shp gauss_as_utm fit
parcels shp utm_no_prj fit
parcels shp utm_as_gauss fit
parcels shp gauss_as_utm fit
blocks shp utm_said
units shp utm_said
stations shp utm_said
stations shp utm_no_prj
units shp utm_no_prj
blocks gpkg utm_no_prj
parcels shp utm_as_gauss zeros_lost fit
units shp utm_said bowtie
# old datums
blocks shp xian80_said
blocks shp beijing54_said
blocks shp xian80_no_prj
blocks shp beijing54_no_prj
stations shp xian80_said
stations shp beijing54_said
stations shp xian80_no_prj
stations shp beijing54_no_prj
blocks shp xian80_no_prj fit
blocks shp beijing54_no_prj fit
parcels shp xian80_no_prj fit
parcels shp beijing54_no_prj fit
units shp xian80_said gbk_ldid57
parcels gpkg beijing54_said
# axis order
blocks shp lat_lon
blocks geojson lat_lon
units shp lat_lon
units shp north_east
units geojson lat_lon
stations geojson lat_lon
blocks shp north_east_no_prj fit
parcels shp north_east_no_prj fit
parcels shp lat_lon_no_prj fit
stations csv csv_plain lat_lon_no_prj
facilities gpkg north_east
units shp north_east gbk_ldid57
facilities geojson lat_lon names_pinyin
# GCJ-02 and BD-09
blocks shp bd09 fit
blocks shp bd09_no_prj fit
blocks geojson gcj02_marks fit
parcels shp gcj02 fit
parcels shp bd09 fit
parcels shp gcj02_no_prj fit
parcels geojson gcj02_marks fit
stations geojson gcj02_marks
stations csv csv_plain gcj02_no_prj
facilities csv csv_plain bd09_no_prj
facilities shp gcj02_no_prj
blocks geojson gcj02 area_mu fit
parcels geojson bd09 zeros_lost fit
facilities xlsx xlsx_plain gcj02_no_prj
# columns renamed
units gpkg names_zh
parcels geojson names_zh
units gpkg names_pinyin
units gpkg names_alias
parcels geojson names_alias
units gpkg names_spaced
parcels geojson names_spaced
stations shp names_cut_gbk
blocks shp names_cut_utf8
stations shp names_cut_utf8
units gpkg names_no_key
stations geojson names_no_key
blocks gpkg names_twice
stations geojson names_twice
parcels gpkg names_en zeros_lost
# codes as numbers
units geojson key_18_float
facilities shp key_zeros_lost
units xlsx xlsx_plain key_zeros_lost
facilities shp key_18_power
units gpkg key_18_whole
facilities shp key_18_whole
buildings shp key_decimals
facilities geojson key_decimals
parcels gpkg key_18_float no_prj fit
units shp key_18_power gbk_ldid00
# areas
parcels geojson area_hectares
blocks gpkg area_wan
parcels geojson area_wan
blocks gpkg area_km2
parcels geojson area_km2
units gpkg area_unsaid_hectares
units gpkg area_unsaid_km2
units gpkg area_mercator
units gpkg area_square_degrees
units gpkg area_one_row
parcels shp area_unsaid_mu
parcels shp area_mercator
projects geojson area_commas
parcels shp area_square_degrees degrees_no_prj fit
units shp area_unsaid_mu gbk_ldid57
# broken geometry
units shp bowtie
units shp collapsed
units shp crumb
units shp no_geometry
units shp heights
units shp repeated_corners
buildings gpkg bowtie
buildings gpkg spike
buildings gpkg crumb
buildings gpkg heights
projects geojson no_geometry
projects geojson spike names_en
# rows among rows
units gpkg row_twice
units gpkg shape_twice
units gpkg shape_nearly_twice
parcels gpkg row_twice
parcels gpkg shape_twice
parcels gpkg shape_nearly_twice
buildings gpkg row_twice
buildings gpkg shape_twice
buildings gpkg shape_nearly_twice
blocks shp overlap
parcels shp overlap
blocks shp gap
blocks geojson gap
blocks shp overlap gbk_ldid57
stations geojson row_twice
# rows in another place
stations shp elsewhere
stations shp null_island
stations shp swapped_row
units gpkg elsewhere
units gpkg null_island
units gpkg swapped_row
facilities geojson elsewhere
facilities geojson null_island
facilities geojson swapped_row
stations csv csv_plain total_row
units gpkg total_row
facilities shp elsewhere gbk_ldid00
# blanks and words
buildings shp blanks
blocks gpkg blanks
blocks geojson blanks
buildings gpkg blanks_floats
projects shp blanks_floats
buildings geojson blanks_dashes
projects gpkg blanks_9999
buildings shp blanks_9999
blocks gpkg yes_no
projects shp yes_no
units gpkg dates_words
units gpkg dates_digits
units gpkg dates_month
units gpkg dates_serial
parcels geojson unknown_code
units shp unknown_code gbk_ldid57
# tables
stations csv csv_bom
stations csv csv_semicolons
stations csv csv_one_cell
stations csv csv_headerless
stations csv csv_gbk
stations csv title_row
facilities csv csv_one_cell
facilities csv csv_tabs
facilities csv csv_utf16
blocks csv csv_semicolons fit
blocks xlsx title_row fit
parcels xlsx xlsx_empty_sheet fit
stations xlsx xlsx_two_sheets
facilities csv csv_gbk total_row
blocks csv csv_bom area_mu fit
# containers
units geojson crs_member
stations geojson crs_member
blocks geojson crs_member
blocks geojson geojson_metres fit
stations geojson geojson_metres
units kml kml_plain
facilities kml kml_plain
stations dxf dxf_plain
facilities dxf dxf_plain
blocks gpkg srs_0 fit
parcels gpkg srs_minus_1 fit
stations gpkg srs_0
units gpkg gpkg_two
stations kml kml_plain elsewhere
# parts missing
units shp no_rows
stations geojson no_rows
blocks gpkg no_rows
units shp no_shx
units shp no_dbf
units shp no_shx_no_dbf
units shp half_shp
units shp half_dbf
stations shp no_shx
stations geojson half_file
units gpkg half_file
blocks shp zero_bytes
blocks shp no_shx gbk_ldid57
"""


def lines() -> list[tuple[str, str, tuple[str, ...], bool]]:
    """Return the list as records.

    Returns
    -------
    list of tuple
        Layer, format, names of spoilings, and whether a reference is handed in.
    """
    records = []
    for line in _LIST.splitlines():
        if line and not line.startswith("#"):
            layer, format_, *words = line.split()
            records.append((layer, format_, tuple(word for word in words if word != "fit"), "fit" in words))
    return records
